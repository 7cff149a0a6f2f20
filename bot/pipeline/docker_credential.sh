#!/bin/sh
# docker-credential-quaymaster, for images without Python: POSIX sh and curl.
#
# Save it as docker-credential-quaymaster in a directory of PATH, and make it executable. Settings, as for the
# Python edition: QUAYMASTER_URL, QUAYMASTER_TOKEN or QUAYMASTER_TOKEN_FILE, and QUAYMASTER_CA_FILE.
#
# curl reads the token from its standard input, never from an argument that other users of the machine can see.
# No other program is started: `printf` and `read` are built into the shell. So only the request to Quaymaster
# has a deadline, of 2 s; the caller's input is read until its line or its output ends.
# Nothing from the command line, a setting or an answer is repeated if it may be a token.

LC_ALL=C
name=docker-credential-quaymaster
version=0.1.0
not_found='credentials not found in native keychain'
no_server='no credentials server URL'
check_url='Check QUAYMASTER_URL, or try again.'
get_a_token='To get a token, type this in Slack: /integrations token create project|environment|image TARGET'
nobody='No server was given: type it, then press Ctrl-D.'
no_login='No login to store was given: type it as JSON, then press Ctrl-D.'
read_only='This helper stores nothing: use /integrations in Slack to add, edit and delete integrations.'
newline='
'

# quiet SENTENCE: not a failure to the caller, so nothing is printed for people.
quiet() {
  printf '%s\n' "$1"
  exit 1
}

# fail SENTENCE [HINT [SAID]]: print the sentence (or SAID) for the caller, and sentence and hint for people.
fail() {
  hide_tokens "${3-$1}"
  printf '%s\n' "$hidden"
  hide_tokens "$1${2:+ $2}"
  printf '%s: %s\n' "$name" "$hidden" >&2
  exit 1
}

# hide_tokens TEXT: put it into $hidden, with everything that looks like a token cut to its prefix.
hide_tokens() {
  hidden=
  rest=$1
  while :; do
    case $rest in
      *[Qq][Mm]_[0-9A-Za-z][0-9A-Za-z][0-9A-Za-z][0-9A-Za-z][0-9A-Za-z][0-9A-Za-z][0-9A-Za-z][0-9A-Za-z]*) ;;
      *) break ;;
    esac
    before=${rest%%[Qq][Mm]_*}
    rest=${rest#"$before"???}
    word=${rest%%[!0-9A-Za-z]*}
    hidden=${hidden}${before}qm_
    [ ${#word} -lt 16 ] || {
      rest=${rest#"$word"}
      hidden=${hidden}…
    }
  done
  hidden=$hidden$rest
}

# trim TEXT: put it into $trimmed, without the white space around it.
trim() {
  trimmed=${1%"${1##*[![:space:]]}"}
  trimmed=${trimmed#"${trimmed%%[![:space:]]*}"}
}

# clean TEXT: put it into $cleaned, shortened and without terminal control characters.
clean() {
  cleaned=$(printf '%.2000s' "$1")
  # In UTF-8 a control character of the second set is this byte and one of the range.
  c1=$(printf '\302')
  c1_first=$(printf '\200')
  c1_last=$(printf '\237')
  while :; do
    case $cleaned in
      *[[:cntrl:]]*) cleaned=${cleaned%%[[:cntrl:]]*}${cleaned#*[[:cntrl:]]} ;;
      *"$c1"["$c1_first"-"$c1_last"]*)
        cleaned=${cleaned%%"$c1"["$c1_first"-"$c1_last"]*}${cleaned#*"$c1"["$c1_first"-"$c1_last"]}
        ;;
      *) return ;;
    esac
  done
}

# Read the token into $token.
read_token() {
  trim "${QUAYMASTER_TOKEN_FILE-}"
  token_file=$trimmed
  trim "${QUAYMASTER_TOKEN-}"
  token=$trimmed
  source=QUAYMASTER_TOKEN
  if [ -n "$token" ] && [ -n "$token_file" ]; then
    fail 'Both QUAYMASTER_TOKEN and QUAYMASTER_TOKEN_FILE are set: remove one of them.'
  fi
  if [ -n "$token_file" ]; then
    source=QUAYMASTER_TOKEN_FILE
    read_token_file
  elif [ -z "$token" ]; then
    fail 'QUAYMASTER_TOKEN is not set: write the workflow token there.' "$get_a_token"
  fi
  case $token in
    qm_*) ;;
    *) token=${token#"$(printf '\357\273\277')"} ;; # some editors put a byte-order mark first
  esac
  trim "$token"
  token=$trimmed
  case $token in
    qm_*[!0-9A-Za-z]*) ;;
    qm_?*) return ;;
  esac
  fail "$source does not contain a workflow token: those begin with qm_." "$get_a_token"
}

# Read all of $token_file into $token: with a second line it is not a token. A device or a pipe may never end;
# a pipe that the caller holds open, as in QUAYMASTER_TOKEN_FILE=<(...), is the caller's responsibility.
read_token_file() {
  [ -r "$token_file" ] || fail 'QUAYMASTER_TOKEN_FILE cannot be read.'
  case $token_file in
    /dev/fd/* | /proc/*/fd/*) [ -f "$token_file" ] || [ -p "$token_file" ] ;;
    *) [ -f "$token_file" ] ;;
  esac || fail 'QUAYMASTER_TOKEN_FILE cannot be read: it is not a regular file.'
  while [ ${#token} -lt 4096 ] && { read -r line || [ -n "$line" ]; }; do
    token=$token$line$newline
  done <"$token_file"
}

# Read and check the address into $url and $authority.
read_address() {
  trim "${QUAYMASTER_URL-}"
  url=${trimmed%"${trimmed##*[!/]}"}
  [ -n "$trimmed" ] || fail "QUAYMASTER_URL is not set: write Quaymaster's address there."
  authority=${url#*://}
  authority=${authority%%/*}
  case $authority in
    *\]) port=443 ;;
    *:*) port=${authority##*:} ;;
    *) port=443 ;;
  esac
  case $port in
    '' | *[!0-9]* | ??????*) port=0 ;;
  esac
  case $url in
    *[!!-~]* | *[@?#\\]*) ;;
    http://[!/:]* | https://[!/:]*) [ "$port" -lt 1 ] || [ "$port" -gt 65535 ] || return 0 ;;
  esac
  fail 'QUAYMASTER_URL is not an address: write one like https://quaymaster.example.com.'
}

# ask [SERVER]: put the answer of GET /v1/credentials into $body, or fail.
ask() {
  server=${1-}
  read_address
  read_token
  trim "${QUAYMASTER_CA_FILE-}"
  set --
  [ -z "$server" ] || set -- -G --data-urlencode "server=$server"
  [ -z "$trimmed" ] || set -- "$@" --cacert "$trimmed"
  # The rate limits how much of an endless answer is read before the deadline. The shells of small images pass
  # such a short text to curl through a pipe; a shell that uses a file makes it private and deletes it.
  answer=$(
    curl -q -g -sS -m 2 -K - --noproxy '*' --limit-rate 256k -A "$name/$version" \
      -H 'Accept: text/plain' -w '\n%{http_code} %{content_type}' "$@" "$url/v1/credentials" 2>&1 <<END
header = "Authorization: Bearer $token"
END
  )
  read_answer "$?"
}

# read_answer STATUS: split $answer; it also contains curl's own messages, if any.
read_answer() {
  case $1 in
    0) ;;
    28) fail "Quaymaster at $authority did not answer within 2 seconds." "$check_url" ;;
    126 | 127) fail 'curl cannot be started.' 'Install curl, or use the edition in Python.' ;;
    77) fail 'QUAYMASTER_CA_FILE is not a file of certificates in PEM.' ;;
    *)
      reason=$(printf '%.500s' "$answer")
      case $reason in
        'curl: ('*') '*) reason=${reason#*') '} ;;
        *) reason="curl's status $1" ;;
      esac
      clean "${reason%%"$newline"*}"
      fail "Quaymaster at $authority cannot be reached: $cleaned." "$check_url"
      ;;
  esac
  found=${answer##*"$newline"}
  body=${answer%"$newline"*}
  case $found in
    '200 '*) ;;
    *' text/plain'*) refused ;;
    *) strange ;;
  esac
}

# expect KEY...: an answer with status 200 must be an object with these keys, or it is not from Quaymaster.
expect() {
  trim "$body"
  case $trimmed in
    '{'*'}') ;;
    *) strange ;;
  esac
  for key; do
    case $trimmed in
      *"\"$key\""*) ;;
      *) strange ;;
    esac
  done
}

# Something that is not Quaymaster answered.
strange() {
  case $found in
    3*) what='a redirect, which is not followed' ;;
    *) what='something that is not Quaymaster' ;;
  esac
  fail "QUAYMASTER_URL points to $what (status ${found%% *})." "$check_url"
}

# An error from Quaymaster has three lines: its code, what happened, what to do.
refused() {
  body=$(printf '%.5000s' "$body")$newline$newline # shells are very slow with longer texts
  code=${body%%"$newline"*}
  body=${body#*"$newline"}
  clean "${body%%"$newline"*}"
  message=$cleaned
  body=${body#*"$newline"}
  clean "${body%%"$newline"*}"
  hint=$cleaned
  case $code in
    '' | *[!a-z_]*) strange ;;
  esac
  [ -n "$message" ] || strange
  case $code in
    not_found | invalid_request) quiet "$not_found" ;;
    deleted) fail "$message" "$hint" "$not_found" ;;
    *) fail "$message" "$hint" ;;
  esac
}

# read_login JSON: put its values into $server_url, $username and $secret, or return 1 if it is not an object of strings.
read_login() {
  server_url='' username='' secret=''
  trim "$1"
  rest=$trimmed
  take '{' || return 1
  while ! take '}'; do
    read_text || return 1
    key=$text
    take ':' && read_text || return 1
    case $key in
      ServerURL) server_url=$text ;;
      Username) username=$text ;;
      Secret) secret=$text ;;
    esac
    take ',' || case $rest in
      '}'*) ;;
      *) return 1 ;;
    esac
  done
  [ -z "$rest" ]
}

# take MARK: remove it from the beginning of $rest, with the white space around it, or return 1.
take() {
  trim "$rest"
  rest=$trimmed
  case $rest in
    "$1"*) rest=${rest#"$1"} ;;
    *) return 1 ;;
  esac
  trim "$rest"
  rest=$trimmed
}

# Move a JSON string from the beginning of $rest into $text, or return 1.
read_text() {
  text=
  case $rest in
    '"'*) rest=${rest#?} ;;
    *) return 1 ;;
  esac
  while :; do
    part=${rest%%[\"\\]*}
    [ "$part" != "$rest" ] || return 1
    text=$text$part
    rest=${rest#"$part"}
    case $rest in
      '"'*)
        rest=${rest#?}
        return 0
        ;;
    esac
    rest=${rest#?}
    read_escape || return 1
  done
}

# Take what follows a backslash from the beginning of $rest, and put what it means after $text.
read_escape() {
  mark=${rest%"${rest#?}"}
  rest=${rest#?}
  case $mark in
    [\"\\/]) text=$text$mark ;;
    n) text=$text$newline ;;
    t) put_bytes 9 ;;
    r) put_bytes 13 ;;
    b) put_bytes 8 ;;
    f) put_bytes 12 ;;
    u) read_code_point ;;
    *) return 1 ;;
  esac
}

# Take four hexadecimal digits, or eight with \u between them, and put the character after $text in UTF-8.
read_code_point() {
  read_digits || return 1
  point=$digits
  case $point,$rest in
    5529[6-9],\\u* | 55[3-9]??,\\u* | 56[0-2]??,\\u* | 563[01]?,\\u*)
      rest=${rest#??}
      read_digits || return 1
      point=$((65536 + (point - 55296) * 1024 + digits - 56320))
      ;;
  esac
  if [ "$point" -lt 1 ]; then
    return 1 # a shell cannot hold it
  elif [ "$point" -lt 128 ]; then
    put_bytes "$point"
  elif [ "$point" -lt 2048 ]; then
    put_bytes $((192 + point / 64)) $((128 + point % 64))
  elif [ "$point" -lt 65536 ]; then
    put_bytes $((224 + point / 4096)) $((128 + point / 64 % 64)) $((128 + point % 64))
  else
    put_bytes $((240 + point / 262144)) $((128 + point / 4096 % 64)) $((128 + point / 64 % 64)) \
      $((128 + point % 64))
  fi
}

# Take four hexadecimal digits from the beginning of $rest; $digits is their value.
read_digits() {
  digits=${rest%"${rest#????}"}
  case $digits in
    [0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f]) ;;
    *) return 1 ;;
  esac
  rest=${rest#????}
  digits=$((0x$digits))
}

# put_bytes NUMBER...: put these bytes after $text.
put_bytes() {
  for byte; do
    # The octal digits are the format: `printf` has no other way to write a byte that all shells know.
    one=$(printf '%b.' "\\0$((byte / 64))$((byte / 8 % 8))$((byte % 8))")
    text=$text${one%.}
  done
}

# Succeed if Quaymaster has the same values: a different JSON writer may order and escape them differently.
store() {
  read_login "$1" || server_url=
  [ -n "$server_url" ] || quiet "$no_server"
  [ -n "$username" ] || quiet 'no credentials username'
  wanted_username=$username
  wanted_secret=$secret
  ask "$server_url"
  read_login "$body" || strange
  if [ "$username" != "$wanted_username" ] || [ "$secret" != "$wanted_secret" ]; then
    fail 'This is not the login that Quaymaster has stored.' "$read_only"
  fi
}

[ $# -eq 1 ] || quiet "Usage: $name <store|get|erase|list|version>"
case $1 in
  version | --version | -v)
    printf '%s (quaymaster) %s\n' "$name" "$version"
    exit
    ;;
  list)
    ask
    expect
    printf '%s\n' "$body"
    exit
    ;;
  get | store | erase) ;;
  *) quiet "$name: unknown action; use store, get, erase, list or version" ;;
esac

[ "$1" != store ] || nobody=$no_login
[ ! -t 0 ] || printf '%s: %s\n' "$name" "$nobody" >&2
# Callers end without a newline, for which `read` fails although it has read.
read -r input 2>/dev/null || :
if [ "$1" = store ] && [ ! -t 0 ]; then
  while read -r line || [ -n "$line" ]; do
    input=$input$newline$line
  done
fi
trim "$input"
[ -n "$trimmed" ] || quiet "$no_server"
case $1 in
  get)
    ask "$trimmed"
    expect ServerURL Username Secret
    printf '%s\n' "$body"
    ;;
  store) store "$trimmed" ;;
  erase) printf '%s: %s\n' "$name" "Nothing was erased. $read_only" >&2 ;;
esac
