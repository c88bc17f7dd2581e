# xr-augment's memory at 100 and at 10,000 films: the table grows, nothing else.
load ../helpers

peak() {
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=1:thread_local_quarantine_size_kb=64 "$@" -v 2>&1 >/dev/null | sed -n 's/.* \([0-9.]*\) MiB at most.*/\1/p'
}

@test "100 films and 10,000" {
    xr-synth -q --force -n 1 --size 512 -s 5 -o .
    f=$(ls images)
    for n in 100 10000; do
        (echo key,path && seq $n | awk -v f="images/$f" '{ print "film-" $1 "," f }') >$n.csv
        xr-augment -j2 --size 64 -o $n.tar $n.csv
    done
    for more in "-j1 --size 224" "-j2 --size 224" "-j2 --size 224 --augment" "-j2 --size 224 --cache cache --augment"; do
        a=$(peak xr-augment $more 100.csv)
        b=$(peak xr-augment $more 10000.csv)
        echo "# $more: $a MiB, $b MiB" >&3
        awk -v a="$a" -v b="$b" 'BEGIN { exit !(a > 1 && b - a < 6) }'
    done
    for more in "" "--shuffle-buffer 50" "--augment"; do
        a=$(peak xr-augment -j2 $more 100.tar)
        b=$(peak xr-augment -j2 $more 10000.tar)
        echo "# stream $more: $a MiB, $b MiB" >&3
        awk -v a="$a" -v b="$b" 'BEGIN { exit !(a > 1 && b - a < 3) }'
    done
}
