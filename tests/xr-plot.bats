load helpers

tables() {
    cat >predictions.csv <<'CSV'
key,label,split,p_normal,p_benign,p_malignant
a,normal,test,0.7,0.2,0.1
b,normal,test,0.6,0.3,0.1
c,normal,test,0.2,0.5,0.3
d,benign,test,0.2,0.7,0.1
e,benign,test,0.5,0.25,0.25
f,malignant,test,0.1,0.1,0.8
g,malignant,test,0.3,0.3,0.4
CSV
    cat >log.csv <<'CSV'
epoch,split,loss,accuracy,balanced_accuracy,auc,lr,seconds,images_per_second
1,train,1.1,0.4,0.35,0.6,0.1,3,30
1,val,1.0,0.5,0.45,0.7,0.1,1,90
2,train,0.9,0.5,0.45,0.7,0.1,3,30
2,val,0.95,0.6,0.5,,0.1,1,90
3,train,0.8,0.6,0.55,0.8,0.1,3,30
3,val,0.97,0.6,0.5,0.75,0.1,1,90
CSV
    cat >splits.csv <<'CSV'
key,label,class,split
a,normal,0,train
b,malignant,2,train
c,benign,1,test
d,normal,0,val
CSV
}

# every KIND with its table
kinds() {
    printf '%s\n' 'confusion predictions.csv' 'roc predictions.csv' 'pr predictions.csv' \
        'curves log.csv' 'classes splits.csv'
}

@test "help, version, configuration" {
    help_and_version xr-plot
}

@test "each misuse exits 2 with nothing on standard output" {
    tables
    wrong_usage xr-plot
    wrong_usage xr-plot bars predictions.csv
    wrong_usage xr-plot roc a b
    wrong_usage xr-plot roc --format jpeg predictions.csv
    wrong_usage xr-plot roc --width 0 predictions.csv
    wrong_usage xr-plot roc --dpi x predictions.csv
    wrong_usage xr-plot roc --font-size 1 predictions.csv
    [[ $(xr-plot bars predictions.csv 2>&1) == *"'bars': not one of confusion|roc|pr|curves|classes"* ]]
}

@test "every kind in every format, the same bytes twice; the suffix decides" {
    tables
    while read -r kind file; do
        for format in svg png pdf; do
            xr-plot "$kind" -n 99 -o "$kind.$format" "$file"
            xr-plot "$kind" -n 99 --format "$format" "$file" | cat >again
            if [ $format = pdf ]; then sleep 1; fi
            cmp "$kind.$format" again
        done
        grep -q '</svg>' "$kind.svg"
        [ "$(head -c 4 "$kind.png" | tail -c 3)" = PNG ]
        [ "$(head -c 4 "$kind.pdf")" = %PDF ]
        grep -q -a pHYs "$kind.png"
        run ! grep -a -q 'D:20[0-9]' "$kind.pdf"
    done < <(kinds)
}

@test "a script gives the picture that the tool gives" {
    tables
    while read -r kind file; do
        xr-plot "$kind" -n 99 --script "$file" >script
        gnuplot -d script >by-hand.svg
        xr-plot "$kind" -n 99 "$file" >tool.svg
        sed 's/Helvetica,Arial,sans-serif/Helvetica/; s/<title>xr-plot/<title>Gnuplot/' tool.svg |
            cmp - by-hand.svg
    done < <(kinds)
}

@test "the figures in a plot are those of xr-metrics" {
    tables
    xr-metrics -n 500 -s 3 --text predictions.csv >text
    xr-plot roc -n 500 -s 3 predictions.csv >roc.svg
    want=$(awk '/^roc_auc_ovr_macro/ { sub(/\*? *$/, ""); print $2, $3, $4 }' text)
    [ -n "$want" ]
    grep -A 4 -F ">$want<" roc.svg | grep -q '>macro average<'
    xr-plot confusion -n 500 -s 3 predictions.csv >confusion.svg
    want=$(awk '/^accuracy/ { sub(/\*? *$/, ""); print $2, $3, $4 }' text)
    grep -q -F "accuracy $want" confusion.svg
    grep -q '>66.7 %<' confusion.svg
    xr-plot roc -n 0 predictions.csv >roc.svg
    grep -A 4 '>0.831<' roc.svg | grep -q '>macro average<'
    grep -q '>AUC<' roc.svg
}

@test "bands only with intervals; --class takes curves; unknown ones are refused" {
    tables
    xr-plot roc -n 99 --script predictions.csv >script
    [ "$(grep -c filledcurves script)" -eq 3 ]
    xr-plot roc -n 0 --script predictions.csv >script
    run ! grep -q filledcurves script
    xr-plot pr -n 99 --class benign --script predictions.csv >script
    [ "$(grep -c filledcurves script)" -eq 1 ]
    run ! grep -q "'malignant'" script
    run -1 --separate-stderr xr-plot roc -n 9 --class begnin predictions.csv
    [[ $stderr == "xr-plot: predictions.csv: no class 'begnin'" ]]
}

@test "hostile names come out literally" {
    q="it's \"x\" \\n \$d {a}_b^c @m \`id\`"
    printf 'key,label,split,"p_%s",p_<&>%%d\n' "${q//\"/\"\"}" >bad.csv
    printf 'a,"%s",t_^{1},0.9,0.1\nb,<&>%%d,EOD,0.2,0.8\n' "${q//\"/\"\"}" >>bad.csv
    for kind in confusion roc pr classes; do
        xr-plot -q "$kind" -n 9 --title "\$t_{x}' \\n" bad.csv >"$kind.svg"
        grep -q -F ">\$t_{x}' \\n<" "$kind.svg"
        xr-plot -q "$kind" -n 9 --format pdf bad.csv >"$kind.pdf"
    done
    grep -q -F '>it'"'"'s "x" \n '$'\xe2\x80\xa6'"b^c @m \`id\`<" classes.svg
    grep -q -F '>&lt;&amp;>%d<' classes.svg
    grep -q -F '>&lt;&amp;>%d<' confusion.svg
    grep -q -F '&lt;&amp;>%d<' roc.svg
    printf 'key,label,"p_a\nset output ""x""\n",p_b\na,b,0.5,0.5\n' >line.csv
    xr-plot confusion -n 0 line.csv >line.svg
    [ ! -e x ]
}

@test "undefined figures are named; a class without rows has no curve" {
    tables
    grep -v ',malignant,' predictions.csv >two.csv
    xr-plot roc -n 9 two.csv >roc.svg
    grep -A 4 '>undefined<' roc.svg | grep -q '>malignant<'
    head -3 predictions.csv >one.csv
    for kind in confusion roc pr; do
        xr-plot $kind -n 9 one.csv >one.svg
        grep -q '</svg>' one.svg
    done
}

@test "logs: gaps, the best epoch, doubled rows, one epoch, only training" {
    tables
    xr-plot curves log.csv >log.svg
    grep -q '(best 0.750, epoch 3)' log.svg
    grep -q '>balanced accuracy, validation<' log.svg
    { cat log.csv; echo 3,val,0.9,0.6,0.5,0.65,0.1,1,90; } | xr-plot curves >again.svg
    grep -q '(best 0.700, epoch 1)' again.svg
    head -2 log.csv | xr-plot curves >one.svg
    grep -q 'training' one.svg
    run ! grep -q validation one.svg
    cut -d, -f1-4 log.csv | xr-plot curves >accuracy.svg
    grep -q '>accuracy, validation<' accuracy.svg
    run -1 --separate-stderr xr-plot curves <<<$'epoch,split,loss\n1,test,2'
    [[ $stderr == "xr-plot: standard input: no row of split"* ]]
    run -1 --separate-stderr xr-plot curves <<<$'epoch,split,loss\n1,val,two'
    [[ $stderr == "xr-plot: standard input:2: column 'loss': 'two': not a number"* ]]
    run -1 --separate-stderr xr-plot curves <<<$'epoch,split,loss\n-1,val,2'
    [[ $stderr == "xr-plot: standard input:2: column 'epoch': "* ]]
}

@test "classes come in the order of their index, splits as train, val, test" {
    tables
    xr-plot classes --script splits.csv >script
    grep -q "set xtics ('normal' 0, 'benign' 1, 'malignant' 2)" script
    grep -o "label '[a-z]* ([0-9]*)'" script >titles
    diff titles - <<<$'label \'train (2)\'\nlabel \'val (1)\'\nlabel \'test (1)\''
    cut -d, -f1,2 splits.csv | xr-plot classes --script >script
    grep -q "set xtics ('benign' 0, 'malignant' 1, 'normal' 2)" script
}

@test "size, font and title are in the picture" {
    tables
    xr-plot roc -n 0 --width 10 --height 12.7 --font-size 9 --title Here predictions.csv >roc.svg
    grep -q 'width="378" height="480"' roc.svg
    grep -q 'font-size="12.00"' roc.svg
    grep -q '>Here<' roc.svg
}

@test "without gnuplot, or where it fails, exit 1, and -o leaves nothing" {
    tables
    tool=$(command -v xr-plot)
    mkdir empty
    run -1 --separate-stderr env PATH="$PWD/empty" "$tool" roc -n 0 -o roc.svg predictions.csv
    [[ $stderr == "xr-plot: cannot run gnuplot"*"No such file or directory" ]]
    [ ! -e roc.svg ]
    printf '#!/bin/sh\necho "line 3: unknown terminal" >&2\nexit 1\n' >empty/gnuplot
    chmod +x empty/gnuplot
    run -1 --separate-stderr env PATH="$PWD/empty:$PATH" "$tool" roc -n 0 -o roc.svg predictions.csv
    [ "$stderr" = "xr-plot: gnuplot failed: line 3: unknown terminal" ]
    [ ! -e roc.svg ]
    printf '#!/bin/sh\necho nothing\n' >empty/gnuplot
    run -1 --separate-stderr env PATH="$PWD/empty:$PATH" "$tool" roc -n 0 -o roc.svg predictions.csv
    [ "$stderr" = "xr-plot: gnuplot did not give an SVG" ]
    [ ! -e roc.svg ]
}

@test "empty input, a cut table, a missing column, too many classes" {
    tables
    run -1 --separate-stderr xr-plot roc </dev/null
    [[ $stderr == "xr-plot: standard input: empty input: did the previous command fail?" ]]
    head -c 100 predictions.csv >cut.csv
    run -1 --separate-stderr xr-plot roc -o roc.svg cut.csv
    [[ $stderr == "xr-plot: cut.csv:"* ]]
    [ ! -e roc.svg ]
    run -1 --separate-stderr xr-plot classes log.csv
    [[ $stderr == *"'label'"* ]]
    for i in $(seq 41); do echo "$i,c$i"; done | sed '1i key,label' >many.csv
    run -1 --separate-stderr xr-plot classes many.csv
    [[ $stderr == *"more than 40 classes"* ]]
}

@test "a full disk is exit 1; a reader that leaves early is SIGPIPE, in silence" {
    tables
    run -1 --separate-stderr bash -c 'xr-plot classes splits.csv >/dev/full'
    [[ $stderr == "xr-plot: "* ]]
    run -141 --separate-stderr bash -o pipefail -c \
        'xr-plot classes --format png --dpi 1200 splits.csv | head -c 1 >/dev/null'
    [ -z "$stderr" ]
}

@test "settings from a file; -j does not change the picture" {
    tables
    printf 'plot:\n  width: 12.7\n  resamples: 50\n' >conf.yaml
    xr-plot --config conf.yaml roc predictions.csv >a.svg
    grep -q 'width="480"' a.svg
    xr-plot -w 12.7 -n 50 -j 2 roc predictions.csv >b.svg
    cmp a.svg b.svg
}
