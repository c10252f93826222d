#!/bin/sh
# Verify this packet without muniment: sh, coreutils, sha256sum, xxd, sed, awk, grep, and openssl 3.
#
#     sh verify.sh trust.toml
#
# trust.toml holds the lines that the archive's staff gave you APART from this packet: whose keys you believe. A key
# that lies in the packet is never believed. Exit status: 0 everything was checked and passed, 1 something failed,
# 4 nothing failed, but something could not be decided, 2 this script could not run.
# Reads the folder in which it lies, sends nothing, changes nothing. verify.py beside it does the same in Python.

LC_ALL=C; export LC_ALL
set -u -f
for tool in openssl sha256sum xxd sed awk grep base64 mktemp find; do
  command -v "$tool" > /dev/null || { echo "verify.sh needs $tool; install it and run this again"; exit 2; }
done
TRUST=${1:-}
[ -z "$TRUST" ] || [ -r "$TRUST" ] || { echo "$TRUST: there is no such file"; exit 2; }
[ -z "$TRUST" ] || TRUST=$(cd "$(dirname "$TRUST")" && pwd)/$(basename "$TRUST")
cd "$(dirname "$0")" || exit 2
T=$(mktemp -d) || exit 2
trap 'rm -rf "$T"' EXIT
BAD=0; OPEN=0
: > "$T/looked"; : > "$T/operators"; : > "$T/logs"; : > "$T/roots"

shown() { printf '%s' "$*" | tr -c '[:print:]' '?' | cut -c1-300; }
ok() { echo "ok          $(shown "$*")"; }
fail() { echo "FAIL        $(shown "$*")"; BAD=$((BAD + 1)); }
undecided() { echo "UNDECIDED   $(shown "$*")"; OPEN=$((OPEN + 1)); }
looked() { printf '%s\n' "$1" >> "$T/looked"; }
plain() { [ -f "$1" ] && [ ! -L "$1" ] && [ "$(wc -c < "$1")" -le "${2:-16777216}" ]; }
digest() { sha256sum < "$1" | cut -d' ' -f1; }
hash() { xxd -r -p | sha256sum | cut -d' ' -f1; }                  # of octets in hex
leaf() { { printf '\000'; cat "$1"; } | sha256sum | cut -d' ' -f1; }  # RFC 6962: SHA-256(0x00 || leaf)
hex() { base64 -d 2> /dev/null | xxd -p | tr -d '\n'; }

# The value of "name":"value", which has to stand exactly once in a file of canonical JSON. Within a string every quote
# is escaped, so what this looks for can only be a name and its value.
text() { [ "$(grep -o "[{,]\"$1\":\"[^\"\\\\]*\"" "$2" | wc -l)" = 1 ] && grep -o "[{,]\"$1\":\"[^\"\\\\]*\"" "$2" | cut -d'"' -f4; }
number() { [ "$(grep -Eo "[{,]\"$1\":[0-9]+[,}]" "$2" | wc -l)" = 1 ] && grep -Eo "[{,]\"$1\":[0-9]+[,}]" "$2" | tr -dc 0-9; }

# leads INDEX SIZE LEAF ROOT < one hash in hex a line: RFC 9162 section 2.1.3.2
leads() {
  fn=$1; sn=$(($2 - 1)); h=$3
  [ "$fn" -le "$sn" ] || return 1
  while read -r p; do
    [ "$sn" -gt 0 ] && printf '%s' "$p" | grep -Eqx '[0-9a-f]{64}' || return 1
    if [ $((fn & 1)) = 1 ] || [ "$fn" = "$sn" ]; then
      h=$(printf '01%s%s' "$p" "$h" | hash)
      while [ "$fn" != 0 ] && [ $((fn & 1)) = 0 ]; do fn=$((fn >> 1)); sn=$((sn >> 1)); done
    else
      h=$(printf '01%s%s' "$h" "$p" | hash)
    fi
    fn=$((fn >> 1)); sn=$((sn >> 1))
  done
  [ "$sn" = 0 ] && [ "$h" = "$4" ]
}

# signed KEY.pem MESSAGE SIGNATURE: the key alone says by which algorithm
signed() {
  case $(openssl pkey -pubin -in "$1" -noout -text 2> /dev/null) in
    *ED25519*) set -- "$1" "$2" "$3" ;;
    *P-384*) set -- "$1" "$2" "$3" -digest sha384 ;;
    *P-256*) set -- "$1" "$2" "$3" -digest sha256 ;;
    *Modulus*) set -- "$1" "$2" "$3" -digest sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:auto ;;
    *) return 1 ;;
  esac
  key=$1; message=$2; signature=$3; shift 3
  openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$message" -sigfile "$signature" "$@" > /dev/null 2>&1
}

DELAY=86400
# trust.toml: its keys become $T/operator.N.pem, $T/log.N.pem with $T/log.N.name, its authorities $T/roots
from_vkey() { (printf '302a300506032b6570032100'; printf '%s' "$1" | cut -d+ -f3- | hex | cut -c3-) | xxd -r -p | openssl pkey -pubin -inform DER 2> /dev/null; }
if [ -n "$TRUST" ]; then
  # Tables one behind the other, each value on a line: kind TAB number TAB name TAB value; lines of PEM come as "pem".
  awk '
    { sub(/\r$/, "") }
    inside { if (index($0, "\"\"\"") || index($0, "\047\047\047")) { inside = 0; sub(/["\047]+.*$/, "") }; if ($0 != "") print kind "\t" n "\tpem\t" $0; next }
    /^[ \t]*#/ || /^[ \t]*$/ { next }
    /^\[\[[a-z]+\]\]/ { kind = $0; gsub(/[^a-z]/, "", kind); n++; next }
    /^[a-z_]+[ \t]*=[ \t]*("""|\047\047\047)/ { inside = 1; rest = $0; sub(/^[^"\047]*["\047]+/, "", rest); if (rest != "") print kind "\t" n "\tpem\t" rest; next }
    /^[a-z_]+[ \t]*=/ { name = $0; sub(/[ \t]*=.*/, "", name); value = $0; sub(/^[^=]*=[ \t]*/, "", value); gsub(/^"|"[ \t]*(#.*)?$/, "", value); if (value ~ /-----BEGIN/) { m = split(value, pem, /\\n/); for (i = 1; i <= m; i++) if (pem[i] != "") print kind "\t" n "\tpem\t" pem[i] } else print kind "\t" n "\t" name "\t" value }
  ' "$TRUST" > "$T/trust"
  DELAY=$(awk -F'\t' 'BEGIN { s["s"] = 1; s["m"] = 60; s["h"] = 3600; s["d"] = 86400; d = 86400 }
    $3 == "max_stamp_delay" { u = $4; sub(/^[0-9.]*/, "", u); d = (u == "ms") ? $4 / 1000 : $4 * s[u] } END { printf "%d", d }' "$T/trust")
  for n in $(cut -f2 "$T/trust" | sort -nu); do
    kind=$(awk -F'\t' -v n="$n" '$2 == n { print $1; exit }' "$T/trust")
    value() { awk -F'\t' -v n="$n" -v name="$1" '$2 == n && $3 == name { print $4 }' "$T/trust"; }
    case $kind in
      operator)
        for word in from until revoked; do
          [ -z "$(value $word)" ] || printf '%s %s\n' "$word" "$(value $word)" >> "$T/operator.$n.term"
        done
        if [ -n "$(value pem)" ]; then value pem > "$T/operator.$n.pem"; else from_vkey "$(value key)" > "$T/operator.$n.pem"; fi
        openssl pkey -pubin -in "$T/operator.$n.pem" -noout 2> /dev/null || { echo "$TRUST: the key of an operator cannot be read"; exit 2; }
        value name | head -n 1 > "$T/operator.$n.name"; echo "$n" >> "$T/operators" ;;
      log)
        from_vkey "$(value vkey)" > "$T/log.$n.pem"
        openssl pkey -pubin -in "$T/log.$n.pem" -noout 2> /dev/null || { echo "$TRUST: the vkey of a log cannot be read"; exit 2; }
        value origin | head -n 1 > "$T/log.$n.name"; echo "$n" >> "$T/logs" ;;
      tsa)
        if [ -n "$(value pem)" ]; then value pem >> "$T/roots"; else (cd "$(dirname "$TRUST")" && cat "$(value root)" >> "$T/roots") || exit 2; fi ;;
    esac
  done
fi

# outside_term OPERATOR TIME: says why the operator's key was not to be believed at that time. Times in UTC sort as text.
outside_term() {
  [ -r "$T/operator.$1.term" ] || return 0
  while read -r word moment; do
    at=$(printf '%s' "$2" | cut -c1-19)
    if ! printf '%s' "$moment" | grep -Eqx '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z'; then
      echo "says '$word $moment', which only verify.py can compare"
    elif [ "$word" = revoked ]; then
      echo "has that key revoked since $moment: muniment verify decides by the time-stamps what it sealed before"
    elif [ "$word" = from ] && [ "$(printf '%s\n%s\n' "$at" "${moment%Z}" | sort | head -n 1)" != "${moment%Z}" ]; then
      echo "believes that key only from $moment"
    elif [ "$word" = until ] && [ "$(printf '%s\n%s\n' "$at" "${moment%Z}" | sort | tail -n 1)" = "$at" ]; then
      echo "believes that key only until $moment"
    fi
  done < "$T/operator.$1.term"
}

# check_seal LABEL FILE TYPE FIELD NAME TIME PAYLOAD: the seal (DSSE v1) on FILE, which says FIELD:NAME, into PAYLOAD
check_seal() {
  E=$2; looked "$E"; : > "$7"
  plain "$E" || { fail "$1, seal: $E is missing"; return 1; }
  grep -Eqx '\{"payload":"[A-Za-z0-9+/]+=*","payloadType":"application/vnd\.in-toto\+json","signatures":\[(\{"keyid":"[0-9a-f]{64}","sig":"[A-Za-z0-9+/]+=*"\},?)*\]\}' "$E" \
    && [ "$(wc -l < "$E")" = 0 ] || { fail "$1, seal: this is not the envelope of a statement"; return 1; }
  cut -d'"' -f4 "$E" | base64 -d > "$7" 2> /dev/null || { fail "$1, seal: the payload is no base64"; return 1; }
  [ "$(base64 -w0 < "$7")" = "$(cut -d'"' -f4 "$E")" ] || { fail "$1, seal: base64 in another spelling"; return 1; }
  [ "$(text predicateType "$7")" = "$3" ] && [ "$(text "$4" "$7")" = "$5" ] \
    || { fail "$1, seal: what was sealed is about something else than its place says"; return 1; }
  (printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < "$7")"; cat "$7") > "$T/pae"
  grep -Eo '"keyid":"[0-9a-f]{64}","sig":"[^"]*"' "$E" | tr -d '"' | sed 's/keyid://; s/,sig:/ /' > "$T/signatures"
  [ -s "$T/signatures" ] || { fail "$1, seal: there is no signature: never signed, or stripped"; return 1; }
  by=; why=
  while read -r n; do
    keyid=$(openssl pkey -pubin -in "$T/operator.$n.pem" -outform DER | sha256sum | cut -d' ' -f1)
    while read -r named signature; do
      printf '%s' "$signature" | base64 -d > "$T/sig" 2> /dev/null
      good=no; signed "$T/operator.$n.pem" "$T/pae" "$T/sig" && good=yes
      own=no; [ "$named" = "$keyid" ] && own=yes
      [ "$good" = "$own" ] || { fail "$1, seal: the signature under the key $named is not its own, or was changed"; return 1; }
      [ "$good" = no ] || { by=$(cat "$T/operator.$n.name"); why=$(outside_term "$n" "$(text "$6" "$7")"); }
    done < "$T/signatures"
  done < "$T/operators"
  if [ -z "$by" ]; then
    undecided "$1, seal: sealed by a key that your trust.toml does not name: $(cut -d' ' -f1 "$T/signatures" | tr '\n' ' ')"
  elif [ -n "$why" ]; then
    undecided "$1, seal: good, by '$by'; but your trust.toml $why"
  else
    ok "$1, seal: sealed by '$by', and (by its own clock) of $(text "$6" "$7")"
  fi
}

# check_log LABEL PROOF FILE KIND ID: the log committed to FILE as KIND of ID (C2SP tlog-proof, tlog-checkpoint)
check_log() {
  looked "$2"
  plain "$2" || { fail "$1, log: the proof is missing"; return; }
  awk 'behind { print } /^$/ { behind = 1 }' "$2" > "$T/checkpoint"
  awk '/^$/ { exit } { print }' "$T/checkpoint" > "$T/note"
  [ "$(wc -l < "$T/note")" = 3 ] || { fail "$1, log: the checkpoint does not have three lines"; return; }
  origin=$(sed -n 1p "$T/note"); size=$(sed -n 2p "$T/note"); root=$(sed -n 3p "$T/note" | hex)
  index=$(sed -n 's/^index \([0-9][0-9]*\)$/\1/p' "$2" | head -n 1)
  printf '%s' "$size" | grep -Eqx '[1-9][0-9]{0,17}' && printf '%s' "$index" | grep -Eqx '0|[1-9][0-9]{0,17}' \
    && [ "$(head -n 1 "$2")" = c2sp.org/tlog-proof@v1 ] || { fail "$1, log: $2 is no tlog-proof"; return; }
  awk '/^$/ { exit } path { print } /^index / { path = 1 }' "$2" | while read -r each; do printf '%s' "$each" | hex; echo; done > "$T/path"
  printf '{"id":"%s","sha256":"%s","type":"%s","v":1}' "$5" "$(digest "$3")" "$4" > "$T/leaf"
  leads "$index" "$size" "$(leaf "$T/leaf")" "$root" < "$T/path" \
    || { fail "$1, log: the log's root over $size entries does not commit to this"; return; }
  known=no
  while read -r n; do
    [ "$(cat "$T/log.$n.name")" = "$origin" ] || continue
    known=yes
    raw=$(openssl pkey -pubin -in "$T/log.$n.pem" -outform DER | tail -c 32 | xxd -p | tr -d '\n')
    id=$( (printf '%s\n\001' "$origin"; printf '%s' "$raw" | xxd -r -p) | sha256sum | cut -c1-8)
    while read -r dash name signature; do
      [ "$dash" = "$(printf '\342\200\224')" ] && [ "$name" = "$origin" ] || continue
      [ "$(printf '%s' "$signature" | hex | cut -c1-8)" = "$id" ] || continue
      printf '%s' "$signature" | base64 -d | tail -c +5 > "$T/sig"
      if signed "$T/log.$n.pem" "$T/note" "$T/sig"; then
        ok "$1, log: number $index of $size in the log $origin, whose key signed the root"
      else
        fail "$1, log: the signature on the checkpoint is not the log's"
      fi
      return
    done < "$T/checkpoint"
  done < "$T/logs"
  if [ "$known" = yes ]; then fail "$1, log: the log's key, which you know, did not sign this checkpoint"
  else undecided "$1, log: the checkpoint is of the log '$origin', which your trust.toml does not name"; fi
}

check_same() {  # the proof carries the checkpoint that lies beside it, which others signed
  looked "$1/checkpoint"
  plain "$1/checkpoint" && plain "$1/statement.tlog-proof" && awk 'behind { print } /^$/ { behind = 1 }' "$1/statement.tlog-proof" | cmp -s - "$1/checkpoint" \
    || fail "$1: statement.tlog-proof is about another checkpoint than the file checkpoint"
}

check_event() {  # capture, file: an event of custody
  event=$(basename "$2" .dsse.json)
  check_seal "$event" "$2" urn:uuid:d4eb5442-160b-47fe-bc80-a1558dc46bb9 event "$event" at "$T/event" < /dev/null
  kind=event; what=$(text type "$T/event")
  case $what in "key event") kind=key ;; renewal) kind=renewal ;; esac
  check_log "$event" "${2%.dsse.json}.tlog-proof" "$2" "$kind" "$event"
  if grep -q "\"sha256\":\"$(digest "$1/statement.dsse.json")\"" "$T/event"; then
    ok "$event: $(text at "$T/event") $what: $(grep -Eo '"name":"[^"]*","role":"[^"]*"' "$T/event" | cut -d'"' -f4,8 | tr '"\n' ' ,')"
  else
    fail "$event: this event is about something else"
  fi
}

check_file() {  # capture:n, what the line calls it, file, how many octets (empty: at most 64 MiB)
  looked "$3"
  plain "$3" "${4:-67108864}" && { [ -z "$4" ] || [ "$(wc -c < "$3")" = "$4" ]; } \
    || { fail "$1: $(basename "$3") is no plain file of the expected size"; return 1; }
  [ "sha256:$(digest "$3")" = "$(text "$2" "$LINE")" ] || { fail "$1: $(basename "$3") is not what was sealed"; return 1; }
}

check_record() {
  LINE=$2; n=$(basename "$LINE" .json); at=${LINE%.json}
  looked "$LINE"; looked "$at.path"; looked "$at.warc.gz"
  plain "$LINE" && plain "$at.path" || { fail "$1:$n: its line or its path is missing"; return; }
  printf '%s' "$n" | grep -Eqx '[1-9][0-9]{0,17}' && [ "$(number n "$LINE")" = "$n" ] || { fail "$1:$n: this is the line of another record"; return; }
  leads "$n" $(($(number records "$T/payload") + $(number attempts "$T/payload") + 1)) "$(leaf "$LINE")" \
    "$(text root "$T/payload" | cut -d: -f2)" < "$at.path" || { fail "$1:$n: this line is not in the manifest that was sealed"; return; }
  seen=no; what="the payload alone, its headers withheld"
  set +f
  for each in "$at.warc.gz" "$at".payload* "$at".content*; do
    [ -e "$each" ] || [ -L "$each" ] || continue
    case $each in
      *.warc.gz) check_file "$1:$n" member "$each" "$(number length "$LINE")" || return; what="the whole record" ;;
      "$at".payload*) check_file "$1:$n" payload "$each" "$(number size "$LINE")" || return ;;
      *) check_file "$1:$n" content "$each" "" || return ;;
    esac
    seen=yes
  done
  set -f
  [ "$seen" = yes ] || { fail "$1:$n: neither the record nor its payload is here"; return; }
  ok "$1:$n: $what: $(text url "$LINE") ($(text date "$LINE"))"
}

check_opening() {  # the checkpoint that the statement quotes of its opening
  looked "$1/opening.checkpoint"
  plain "$1/opening.checkpoint" && [ "sha256:$(digest "$1/opening.checkpoint")" = "$(text checkpoint "$T/payload")" ] \
    || { fail "$1, opening: opening.checkpoint is not the one that the statement quotes"; return; }
  ok "$1, opening: sealed after opening.checkpoint, which the statement quotes"
}

check_stamp() {  # capture, token, the file that it is over
  looked "$2"; looked "${2%.tsr}.pem"; looked "${2%.tsr}.tsq"
  what="$1, time-stamp $(basename "$2" | sed 's/-[^-]*$//')"
  plain "$2" && said=$(openssl ts -reply -in "$2" -text 2> /dev/null | sed -n 's/^Time stamp: //p') && [ -n "$said" ] \
    || { fail "$what: this is no time-stamp"; return; }
  at=$(date -u -d "$said" +%s 2> /dev/null) || { undecided "$what: says $said, which this system's date cannot read"; return; }
  [ -s "$T/roots" ] || { undecided "$what: says $said, by an authority that your trust.toml does not name"; return; }
  if [ -f "${2%.tsr}.pem" ]; then set -- "$1" "$2" "$3" -untrusted "${2%.tsr}.pem"; fi
  token=$2; stamped=$3; shift 3
  if why=$(openssl ts -verify -in "$token" -data "$stamped" -CAfile "$T/roots" "$@" -attime "$at" 2>&1); then
    case $stamped in
      */opening.checkpoint) ok "$what: so the seal was made after $said"; [ -n "$AFTER" ] && [ "$AFTER" -ge "$at" ] || AFTER=$at ;;
      *) ok "$what: so the bytes existed by $said"; [ -n "$BY" ] && [ "$BY" -le "$at" ] || BY=$at ;;
    esac
  elif printf '%s' "$why" | grep -Eq 'unable to get|self.signed certificate|certificate not trusted'; then
    undecided "$what: says $said, by an authority that your trust.toml does not name"
  else
    fail "$what: the time-stamp does not stand: $(printf '%s' "$why" | tail -n 1)"
  fi
}

check_times() {  # the time that the statement claims, held against those that authorities signed, give or take five minutes
  [ -n "$BY" ] || return 0
  closed=$(date -u -d "$(text closed "$T/payload")" +%s 2> /dev/null) || { undecided "$1: this system's date cannot read when it was closed"; return; }
  if [ "$closed" -gt $((BY + 300)) ] || { [ -n "$AFTER" ] && [ "$closed" -lt $((AFTER - 300)) ]; }; then
    fail "$1: it claims to have been closed at $(text closed "$T/payload"), which the time-stamps contradict"
  elif [ $((BY - closed)) -gt "$DELAY" ]; then
    undecided "$1: it was time-stamped longer after its claimed end than your trust accepts (max_stamp_delay)"
  fi
}

# Only what has a plain name is followed; whatever else lies here is named at the end.
find . -mindepth 2 -maxdepth 2 -name statement.dsse.json | sed 's,^\./,,; s,/statement.dsse.json$,,' | grep -Ex '[0-9]{8}T[0-9]{6}Z-[a-z2-7]{6}' | sort > "$T/captures"
while read -r capture; do
  check_seal "$capture" "$capture/statement.dsse.json" urn:uuid:79ae0b38-fb49-411f-a948-4cfcd8e9dc04 capture "$capture" closed "$T/payload" < /dev/null
  if [ -s "$T/payload" ]; then
    check_log "$capture" "$capture/statement.tlog-proof" "$capture/statement.dsse.json" capture "$capture"
    check_same "$capture"
  fi
  find "$capture/events" -mindepth 1 -maxdepth 1 -name 'event-*.dsse.json' 2> /dev/null | sort > "$T/events"
  while read -r file; do check_event "$capture" "$file"; done < "$T/events"
  find "$capture/records" -mindepth 1 -maxdepth 1 -name '*.json' 2> /dev/null | sort > "$T/lines"
  [ -s "$T/lines" ] || fail "$capture: there is no record in it"
  while read -r line; do check_record "$capture" "$line"; set -f; done < "$T/lines"
  BY=; AFTER=
  [ ! -e "$capture/opening.checkpoint" ] || check_opening "$capture"
  for over in checkpoint opening.checkpoint; do
    find "$capture/$(printf '%s' "$over" | sed 's/checkpoint$/stamps/')" -mindepth 1 -maxdepth 1 -name '*.tsr' 2> /dev/null | sort > "$T/tokens"
    while read -r token; do check_stamp "$capture" "$token" "$capture/$over"; done < "$T/tokens"
  done
  check_times "$capture"
  find "$capture/cosignatures" -type f 2> /dev/null >> "$T/looked"  # witnesses are decided by muniment verify
  : > "$T/payload"
done < "$T/captures"
[ -s "$T/captures" ] || fail "this folder: there is no capture in it"

printf '%s\n' VERIFY.md verify.sh verify.py >> "$T/looked"
sort -u "$T/looked" > "$T/known"
find . ! -type d ! -path './keys/*' | sed 's,^\./,,' | sort > "$T/there"
find . -type l | sed 's,^\./,,' > "$T/links"
extra=$( (comm -23 "$T/there" "$T/known"; cat "$T/links") | head -n 5 | tr '\n' ' ')
if [ -n "$extra" ]; then fail "this folder: nothing accounts for $extra; do not take it for part of what was sealed"
else ok "this folder: each of its $(wc -l < "$T/there") files is accounted for"; fi

[ "$BAD" = 0 ] || { echo "FAIL  Something here is not what was sealed."; exit 1; }
[ "$OPEN" = 0 ] || { echo "UNVERIFIABLE  Nothing failed, but something could not be decided."; exit 4; }
echo "PASS  What this shows, and what it does not: VERIFY.md"
