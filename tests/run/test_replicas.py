def test_backup_holds_no_plaintext(postgres: RealPostgres, database: str) -> None:
    """What ``pg_dump`` writes holds the integrations, and no password or token of theirs."""
    url = postgres.url(database)
    with open_store(url, new_key()) as opened:
        token = seed(*opened)
    command = [str(POSTGRES[0].with_name("pg_dump")), postgres.url(database, SUPERUSER)]
    dumped = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert NAME in dumped
    assert PASSWORD not in dumped
    assert token not in dumped
