#!/bin/sh
# __NAME__: keeps a line of text for every record. Needs jq.
#
# Watchpost starts this program, writes records to its STDIN, one per line, and waits for one answer each on STDOUT,
# in order: OK, or ERROR and a reason. Everything it has not answered when it ends is sent to it again, so a record may
# come twice, but none is lost. What it prints to STDERR goes to Watchpost's log.
#
# Try it:  watchpost exporter test .

# EX_TEMPFAIL of sysexits.h: no record is to blame; Watchpost starts this program again after a pause.
try_later=75

folder=${1:-__FOLDER__}
case $folder in
  /*) ;;
  *) folder=${WATCHPOST_EXPORTS_DIR:-.}/$folder ;;
esac
mkdir -p -- "$folder" || exit $try_later
file=$folder/records.txt

# One jq for all records, which makes one short line of each: a shell reads a line byte by byte, and pictures are long.
jq --unbuffered --raw-output '
  [(.system_timestamp // 0 | tostring), ."$id", .object_class // "-",
    (.area_name // .area.name // "-" | tostring)] | @tsv
' | while IFS= read -r line; do
  # Put your own in here. Only then OK: it says that this program answers for the record.
  printf '%s\n' "$line" >>"$file" || exit $try_later
  echo OK
done
