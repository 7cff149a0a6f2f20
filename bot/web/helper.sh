#!/bin/sh
# docker-credential-quaymaster, for images without Python: POSIX sh and curl.
#
# Save it under the name docker-credential-quaymaster in a directory of PATH, executable. Settings, as for
# the other edition: QUAYMASTER_URL, QUAYMASTER_TOKEN or QUAYMASTER_TOKEN_FILE, and QUAYMASTER_CA_FILE.
#
# The token reaches curl by its standard input, never as an argument that other users of the machine see.
# No other program is started: `printf` and `read` are the shell's own.

LC_ALL=C
name=docker-credential-quaymaster
version=0.1.0
not_found='credentials not found in native keychain'
no_server='no credentials server URL'
check_url='Check QUAYMASTER_URL, or try again.'
get_a_token='To get one: /integrations token create project|environment|image TARGET'
read_only='This helper keeps nothing: integrations are added, edited and deleted by /integrations in Slack.'
newline='
'

# quiet SENTENCE: for the caller no failure, so people are told nothing.
quiet() {
  printf '%s\n' "$1"
  exit 1
}

# fail SENTENCE HINT [SAID]: tell the caller the sentence (or what it must read instead), people both.
fail() {
  printf '%s\n' "${3-$1}"
  printf '%s: %s\n' "$name" "$1${2:+ $2}" >&2
  exit 1
}

# trim TEXT: put it without the white space around it into $trimmed.
trim() {
  trimmed=${1%"${1##*[![:space:]]}"}
  trimmed=${trimmed#"${trimmed%%[![:space:]]*}"}
}

# Read the token into $token.
read_token() {
  token=${QUAYMASTER_TOKEN-}
  source=QUAYMASTER_TOKEN
  if [ -n "$token" ] && [ -n "${QUAYMASTER_TOKEN_FILE-}" ]; then
    fail 'Both QUAYMASTER_TOKEN and QUAYMASTER_TOKEN_FILE are set: remove one of them.'
  fi
  if [ -n "${QUAYMASTER_TOKEN_FILE-}" ]; then
    source=QUAYMASTER_TOKEN_FILE
    if [ -d "$QUAYMASTER_TOKEN_FILE" ] || [ ! -r "$QUAYMASTER_TOKEN_FILE" ]; then
      fail 'QUAYMASTER_TOKEN_FILE cannot be read.'
    fi
    read -r token <"$QUAYMASTER_TOKEN_FILE"
  elif [ -z "$token" ]; then
    fail 'QUAYMASTER_TOKEN is not set: write the workflow token there.' "$get_a_token"
  fi
  trim "$token"
  token=$trimmed
  case $token in
    qm_*[!0-9A-Za-z_]* | qm_) ;;
    qm_*) return ;;
  esac
  fail "$source holds no workflow token: those begin with qm_." "$get_a_token"
}

# ask [SERVER]: put the answer of GET /v1/credentials into $body, or fail.
ask() {
  server=${1-}
  case ${QUAYMASTER_URL-} in
    '') fail "QUAYMASTER_URL is not set: write Quaymaster's address there." ;;
    *[!!-~]* | *[@?#\\]*) ;;
    http://?* | https://?*) good=yes ;;
  esac
  [ -n "${good-}" ] ||
    fail 'QUAYMASTER_URL is not an address: write one like https://quaymaster.example.com.'
  authority=${QUAYMASTER_URL#*://}
  authority=${authority%%/*}
  read_token
  set --
  [ -z "$server" ] || set -- -G --data-urlencode "server=$server"
  [ -z "${QUAYMASTER_CA_FILE-}" ] || set -- "$@" --cacert "$QUAYMASTER_CA_FILE"
  # The rate bounds how much of an endless answer is read before the deadline. The shells of small images hand
  # a text this short to curl through a pipe; where a shell makes a file of it, the file is its owner's and gone.
  answer=$(
    curl -q -g -sS -m 2 -K - --limit-rate 256k --proto '=http,https' -A "$name/$version" \
      -H 'Accept: text/plain' -w '\n%{http_code} %{content_type}' "$@" \
      "${QUAYMASTER_URL%/}/v1/credentials" 2>&1 <<END
header = "Authorization: Bearer $token"
END
  )
  read_answer "$?"
}

# read_answer STATUS: take $answer apart; curl's own findings, if any, stand in it too.
read_answer() {
  case $1 in
    0) ;;
    28) fail "Quaymaster at $authority did not answer within 2 seconds." "$check_url" ;;
    126 | 127) fail 'curl cannot be started.' 'Install curl, or use the edition in Python.' ;;
    77) fail 'QUAYMASTER_CA_FILE is not a file of certificates in PEM.' ;;
    *)
      body=${answer##*curl: (*) }
      fail "Quaymaster at $authority cannot be reached: ${body%%"$newline"*}." "$check_url"
      ;;
  esac
  found=${answer##*"$newline"}
  body=${answer%"$newline"*}
  case $found in
    '200 application/json') ;;
    *' text/plain; charset=utf-8') refused ;;
    *) strange ;;
  esac
}

# Somebody else answers.
strange() {
  case $found in
    3*) what='a redirect, which is not followed' ;;
    *) what='something that is not Quaymaster' ;;
  esac
  fail "QUAYMASTER_URL leads to $what (status ${found%% *})." "$check_url"
}

# An error of Quaymaster is three lines: its code, what happened, what to do.
refused() {
  code=${body%%"$newline"*}
  body=${body#*"$newline"}
  message=${body%%"$newline"*}
  hint=${body#*"$newline"}
  hint=${hint%%"$newline"*}
  case $code in
    '' | *[!a-z_]*) strange ;;
    not_found) quiet "$not_found" ;;
    deleted | invalid_request) fail "$message" "$hint" "$not_found" ;;
    *) fail "$message" "$hint" ;;
  esac
}

# Succeed if Quaymaster holds the same: it writes a login to the letter as docker does.
store() {
  case $1 in
    *'"ServerURL":""'*) quiet "$no_server" ;;
    *'"ServerURL":"'*) ;;
    *) quiet "$no_server" ;;
  esac
  case $1 in
    *'"Username":""'*) quiet 'no credentials username' ;;
    *'"Username":"'*) ;;
    *) quiet 'no credentials username' ;;
  esac
  server=${1#*'"ServerURL":"'}
  ask "${server%%\"*}"
  [ "$body" = "$1" ] || fail 'This login is not the one that Quaymaster holds.' "$read_only"
}

[ $# -eq 1 ] || quiet "Usage: $name <store|get|erase|list|version>"
case $1 in
  version | --version | -v)
    printf '%s (quaymaster) %s\n' "$name" "$version"
    exit
    ;;
  list)
    ask
    printf '%s\n' "$body"
    exit
    ;;
  get | store | erase) ;;
  *) quiet "$name: unknown action: $1" ;;
esac

# Callers end without a newline, for which `read` fails although it has read.
read -r input || :
trim "$input"
[ -n "$trimmed" ] || quiet "$no_server"
case $1 in
  get)
    ask "$trimmed"
    printf '%s\n' "$body"
    ;;
  store) store "$trimmed" ;;
  erase) printf '%s: %s\n' "$name" "Nothing was erased. $read_only" >&2 ;;
esac
