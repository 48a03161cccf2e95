#!/bin/sh
# An adapter: the command line that the conformance suite calls (chapter 8 of the specification), around your own tool.
# What your tool does not offer stays `unsupported`; what it does, it may claim in `info`.
set -u

info() {
    cat <<'END'
{
  "implementation": {"name": "my-tool", "version": "0.1"},
  "specifications": ["1.0"],
  "claims": []
}
END
}

# refuse CATEGORY CODE MESSAGE: an error object, the last line of standard error, and exit 1. Quotes and backslashes in
# the words would have to be escaped: where your messages have them, let your tool write the object.
refuse() {
    printf '{"category": "%s", "code": "%s", "message": "%s", "subject": "adapter"}\n' "$1" "$2" "$3" >&2
    exit 1
}

unsupported() {
    refuse unsupported unsupported-subcommand "$1 is not offered"
}

[ $# -gt 0 ] || { echo "usage: adapter info|validate|dump|restore [OPTION VALUE]..." >&2; exit 2; }
subcommand=$1
shift
case $subcommand in
info) info ;;
# validate --image FILE: exit 0 for an image that a reader accepts, else refuse as `bad-image` or `unsupported`.
validate) unsupported validate ;;
# dump --pid PID (--mountpoint PATH | --mount-id ID | --all) --output FILE: exit 0, or 3 where a source falls short.
dump) unsupported dump ;;
# restore --image FILE ([--overlay ID] --target DIR | --all --root DIR) [--pid PID] [--map FS[:/SUB]=DIR]...
#         [--accept WHAT]... [--result FILE]
restore) unsupported restore ;;
*) unsupported "this subcommand" ;;
esac
