#!/bin/sh
# wget -r into a folder, then the three sums of what it stored: sh wget.sh FOLDER URL...
set -e
cd "$1"
shift
for url in "$@"; do
    wget --quiet --recursive --level=inf --no-parent --directory-prefix=site "$url"
done
# A site without files gives no arguments to the sums, hence -r.
for sum in md5sum sha1sum sha256sum; do
    find site -type f ! -name '*.html' -print0 | xargs -0 -r "$sum" > "$sum.txt"
done
find site -type f -name '*.html' > pages.txt
