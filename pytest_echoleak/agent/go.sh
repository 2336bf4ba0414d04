#!/bin/sh
# The go command of an image that pytest_echoleak builds, before the image's own on PATH.
#
# What `go build` and `go install` make gets the agent, as one more file of package http, and keeps
# its symbols and types (-s and -w are left out). The code that is generated for the service stays
# the same. Whatever cannot be done so is left as it is.

here=/.echoleak

real=
rest=$PATH:
while [ -n "$rest" ]; do
	folder=${rest%%:*}
	rest=${rest#*:}
	if [ "$folder" != "$here/bin" ] && [ -f "$folder/go" ] && [ -x "$folder/go" ]; then
		real=$folder/go
		break
	fi
done
if [ -z "$real" ]; then
	echo "go: not found" >&2
	exit 127
fi

case $1 in
build | install) ;;
*) exec "$real" "$@" ;;
esac

folder=
if [ "$2" = -C ]; then
	folder=$3
fi
settings=$("$real" env ${folder:+-C "$folder"} GOROOT GOVERSION GOFLAGS GOEXPERIMENT GOMODCACHE 2>/dev/null) ||
	exec "$real" "$@"
{
	read -r root
	read -r version
	read -r flags
	read -r experiments
	read -r modules
} <<END
$settings
END

# Overlays of files in the module cache, where GOTOOLCHAIN puts toolchains, are refused.
case $root/ in
/) exec "$real" "$@" ;;
"$modules"/*) exec "$real" "$@" ;;
esac
case "$flags $*" in
*-overlay*) exec "$real" "$@" ;;
esac
case $version in
go1.2[1-9] | go1.2[1-9][.r\ -]* | go1.[3-9][0-9]*) ;;
*) exec "$real" "$@" ;;
esac

overlay=
for folder in "$here" "${TMPDIR:-/tmp}"; do
	file=$folder/overlay-$$.json
	if (echo "{\"Replace\": {\"$root/src/net/http/zz_echoleak_agent.go\": \"$here/agent.go\"}}" >"$file") 2>/dev/null; then
		overlay=$file
		break
	fi
done
if [ -z "$overlay" ]; then
	exec "$real" "$@"
fi

# kept prints the flags $1 without the linker's -s and -w.
kept() {
	text="$1 "
	for flag in -s -w; do
		text=${text#"$flag "}
		for before in " " "="; do
			for after in " " "'" '"'; do
				while :; do
					case $text in
					*"$before$flag$after"*) ;;
					*) break ;;
					esac
					text="${text%%"$before$flag$after"*}${before% } ${after% }${text#*"$before$flag$after"}"
				done
			done
		done
	done
	printf '%s\n' "${text% }"
}

of_linker=
for word; do
	shift
	case $of_linker$word in
	-ldflags | --ldflags)
		of_linker=yes
		set -- "$@" "$word"
		continue
		;;
	-ldflags=* | --ldflags=*) word=${word%%=*}=$(kept "${word#*=}") ;;
	yes*) word=$(kept "$word") ;;
	esac
	of_linker=
	set -- "$@" "$word"
done

# 1.26 alone has the profile as an experiment: later it is part of Go, which refuses the name.
case $version in
go1.26 | go1.26[!0-9]*)
	case $experiments in
	*goroutineleakprofile*) ;;
	*) export GOEXPERIMENT="${experiments:+$experiments,}goroutineleakprofile" ;;
	esac
	;;
esac
export GOFLAGS="$(kept "$flags") -overlay=$overlay"

"$real" "$@"
status=$?
rm -f "$overlay" 2>/dev/null
exit $status
