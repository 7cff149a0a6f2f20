"""The description of the API: valid, complete, and true."""

import json
import re
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from bot.core.ports.registry import DockerLogin
from bot.core.secrets import Secret
from bot.web.api.endpoints import ENDPOINTS, STATUSES
from bot.web.api.routing import OPEN_TO_ALL
from tests.fakes.workplace import SERVER
from tests.web.conftest import NINE

TEXT = Path("bot/web/openapi.json").read_text("utf-8")
API = json.loads(TEXT)
PATHS = API["paths"]
SCHEMAS = API["components"]["schemas"]


def schema_of(path, status, content_type="application/json"):
    """The schema of an answer, with what it refers to."""
    response = PATHS[path]["get"]["responses"][str(status)]
    response = resolved(response)
    schema = response["content"][content_type]["schema"]
    return {**schema, "components": API["components"]}


def resolved(value):
    """Follow a reference."""
    reference = value.get("$ref")
    return API["components"][reference.split("/")[2]][reference.split("/")[3]] if reference else value


def codes_of(response):
    """The codes that an error may have."""
    schema = response["content"]["application/json"]["schema"]
    return schema["allOf"][1]["properties"]["code"]["enum"]


def test_description_is_valid():
    """It is valid OpenAPI 3.1."""
    OpenAPIV31SpecValidator(API).validate()

    assert API["openapi"].startswith("3.1.")


def test_description_is_served_to_anybody(place):
    """It is served as it stands in the source, without a token; HEAD gives its length."""
    answer = place.ask("/v1/openapi.json")
    head = place.ask("/v1/openapi.json", REQUEST_METHOD="HEAD")

    assert (answer.status, answer.body.decode()) == (200, TEXT)
    assert (head.status, head.body, head.headers) == (200, b"", answer.headers)


def test_documented_paths_are_the_served_ones():
    """What is described is served, and what is served is described."""
    assert PATHS.keys() == ENDPOINTS.keys() | OPEN_TO_ALL.keys()


@pytest.mark.parametrize("path", sorted(ENDPOINTS))
def test_documented_parameters_are_the_read_ones(path):
    """Each path's query parameters, and which of them must be there, are as they are read."""
    parameters = PATHS[path]["get"].get("parameters", [])
    required = {one["name"] for one in parameters if one["required"]}
    optional = {one["name"] for one in parameters if not one["required"]}

    assert required == set(ENDPOINTS[path].required)
    assert optional == set(ENDPOINTS[path].optional)


def test_every_error_is_documented():
    """Every status and code that the program can answer is described, and no other."""
    served = {(str(status.value), code) for _, status, code in STATUSES} | {("500", "internal_error")}
    documented = {
        (status, code)
        for operations in PATHS.values()
        for status, reference in operations["get"]["responses"].items()
        if status != "200"
        for code in codes_of(resolved(reference))
    }

    assert documented == served
    assert set(SCHEMAS["Error"]["properties"]["code"]["enum"]) == {code for _, code in served}


def test_token_is_asked_for_everywhere_but_where_it_is_not():
    """The scheme is a bearer token for every path; only the two files do without."""
    without = {path for path, operations in PATHS.items() if operations["get"].get("security") == []}

    assert API["security"] == [{"workflowToken": []}]
    assert API["components"]["securitySchemes"]["workflowToken"]["scheme"] == "bearer"
    assert without == OPEN_TO_ALL.keys()


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/credentials", f"?server={SERVER}"),
        ("/v1/credentials", ""),
        ("/v1/integrations", ""),
        ("/v1/integrations/{name}", ""),
        ("/v1/integrations/{name}/tags", "?repository=team/app"),
        ("/v1/docker/config.json", ""),
        ("/v1/kubernetes/secret", "?name=login&namespace=web-shop"),
    ],
)
@pytest.mark.parametrize("ends", [None, NINE + timedelta(hours=12)])
def test_answers_are_as_described(place, token, registry, path, query, ends):
    """What each path answers fits its schema, whether what is handed out ends or not."""
    registry.passing = DockerLogin("AWS", Secret("passing"), ends)
    place.add()
    place.link("my_registry")
    answer = place.ask(path.replace("{name}", "my_registry") + query, token)

    jsonschema.validate(answer.json, schema_of(path, 200))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/credentials?x=1", 400),
        ("/v1/credentials?server=nowhere.example.com", 404),
        (f"/v1/credentials?server={SERVER}", 409),
    ],
)
def test_errors_are_as_described(place, token, path, status):
    """An error fits its schema."""
    place.add("first")
    place.add("second")
    answer = place.ask(path, token)

    assert answer.status == status
    jsonschema.validate(answer.json, schema_of("/v1/credentials", status))


def test_helper_is_served_to_anybody(place):
    """The shell edition of the helper is served as it stands in the source, without a token."""
    answer = place.ask("/v1/helper.sh")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-sh")
    assert answer.body == Path("bot/pipeline/docker_credential.sh").read_bytes()
    assert re.match(rb"#!/bin/sh\n", answer.body)
