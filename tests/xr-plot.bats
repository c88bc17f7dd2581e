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
    subgroups >sub.json
}

# subgroups as xr-metrics --by writes them, one of them undefined
subgroups() {
    cat <<'JSON'
{"n": 90, "roc_auc_ovr_macro": {"value": 0.88, "low": 0.85, "high": 0.91},
 "per_class": {"a.b": {"recall": {"value": 0.5, "low": 0.4, "high": 0.6}}},
 "subgroups": [
  {"column": "sex", "value": "F", "n": 50, "figures": {"roc_auc_ovr_macro": {"value": 0.9, "low": 0.8, "high": 0.95}}},
  {"column": "sex", "value": "M", "n": 39, "figures": {"roc_auc_ovr_macro": {"value": 0.7, "low": null, "high": null}}},
  {"column": "center", "value": "", "n": 1, "figures": {"roc_auc_ovr_macro": {"value": null, "low": null, "high": null}}}]}
JSON
}

# every KIND with its table
kinds() {
    printf '%s\n' 'confusion predictions.csv' 'roc predictions.csv' 'pr predictions.csv' \
        'curves log.csv' 'classes splits.csv' 'scores predictions.csv' 'forest sub.json' \
        'folds predictions.csv' 'reliability predictions.csv' \
        'decision predictions.csv'
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
    [[ $(xr-plot bars predictions.csv 2>&1) == *"'bars': not one of confusion|roc|pr|"* ]]
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

@test "forest: every subgroup with its interval, what is undefined says so" {
    tables
    xr-plot forest --script sub.json >script
    grep -q "'all (90)' 0, 'sex:' 1, 'F (50)' 2, 'M (39)' 3, 'center:' 4, '(empty) (1)' 5" script
    grep -q "label '0.900 \[0.800, 0.950\]' at screen" script
    grep -q "label '0.700' at screen" script
    grep -q "label 'undefined' at screen" script
    grep -A 1 '^\$p0_2' script | grep -q '^ 0.9 2 0.8 0.95'
    run -1 --separate-stderr xr-plot forest --figure accuracy sub.json
    [[ $stderr == "xr-plot: sub.json: no subgroup has the figure 'accuracy'" ]]
    run -1 --separate-stderr xr-plot forest <<<'{"n": 1}'
    [[ $stderr == "xr-plot: standard input: no subgroups: xr-metrics --by"* ]]
}

@test "folds: the figures of xr-metrics, of tables and of its JSON alike" {
    tables
    sed 's/,0.7,0.2,0.1/,0.1,0.2,0.7/' predictions.csv >second.csv
    xr-metrics -n 300 second.csv >second.json
    xr-plot folds -n 300 --script predictions.csv second.csv >a
    xr-plot folds -n 300 --script predictions.csv second.json | sed 's/second.json/second.csv/' >b
    cmp a b
    want=$(xr-metrics -n 300 --text second.csv | awk '/^roc_auc_ovr_macro/ { sub(/\*? *$/, ""); print $2, $3, $4 }')
    grep -q -F "'$want'" a
    # of two folds: t is 12.706, the variance of the mean sd^2 (1/2 + 1)
    { xr-metrics -n 0 predictions.csv; xr-metrics -n 0 second.csv; } | awk '
        /"roc_auc_ovr_macro"/ { on = 1 } on && /"value"/ { v[n++] = $2 + 0; on = 0 }
        END { m = (v[0] + v[1]) / 2; sd = sqrt((v[0] - m) ^ 2 + (v[1] - m) ^ 2); w = 12.7062047 * sd * sqrt(1.5)
            printf "mean of 2: %.3f [%.3f, %.3f]\n", m, m - w, m + w }' >want
    grep -q -F -f want a
    xr-plot folds --figure per_class.a.b.recall --script sub.json >c
    grep -q -F "'0.500 [0.400, 0.600]'" c
    run -1 --separate-stderr xr-plot folds --figure nothing sub.json
    [[ $stderr == "xr-plot: sub: no figure 'nothing'" ]]
    mkdir fold1 fold2
    cp predictions.csv fold1
    cp second.csv fold2/predictions.csv
    xr-plot folds -n 0 --script fold1/predictions.csv fold2/predictions.csv >d
    grep -q "'fold1 (7)' 0, 'fold2 (7)' 1" d
}

@test "scores: shares by true class; quantiles where classes are many" {
    tables
    xr-plot scores -n 0 --script predictions.csv >script
    # the score of malignant among malignant rows: 0.8 and 0.4, one in each of two bins
    awk '/^\$p2_2 /{ on = 1 } on && $2 == 50 { n++ } /^EOD/{ on = 0 } END { exit n != 4 }' script
    grep -q "'truth malignant (2)'" script
    { echo "key,label$(printf ',p_%s' a b c d e f)"; echo x,a,0.5,0.1,0.1,0.1,0.1,0.1; echo y,a,0.7,0.06,0.06,0.06,0.06,0.06; } >six.csv
    xr-plot scores -n 0 --script six.csv >script
    grep -A 1 '^\$p0_2 ' script | grep -q '^ 0.6 0$'
}

@test "one page: nothing from elsewhere, texts cannot leave their place" {
    tables
    while read -r kind file; do
        xr-plot "$kind" -n 99 --html "$file" >"$kind.html"
        run ! grep -q -E 'src=|href=|url\(http|@import' "$kind.html"
        xr-plot "$kind" -n 99 -o again.html "$file"
        cmp "$kind.html" again.html
    done < <(kinds)
    printf 'key,label,p_</script><b>,p_"&\n' >bad.csv
    printf 'a,</script><b>,0.9,0.1\nb,"""&",0.2,0.8\n' >>bad.csv
    sed -i '1s/.*/key,label,p_<\/script><b>,"p_""\&"/' bad.csv
    xr-plot roc -n 9 --html --title '<i>&' bad.csv >bad.html
    [ "$(grep -c '</script>' bad.html)" -eq 2 ]
    grep -q '<title>&#60;i&#62;&#38;</title>' bad.html
}

@test "the page in a browser: values where one points, classes that can be hidden" {
    command -v chromium >/dev/null || skip "chromium not found"
    tables
    xr-plot roc -n 99 -o roc.html predictions.csv
    cat >>roc.html <<'HTML'
<script>
const seen = document.createElement('pre');
const svg = document.querySelector('figure > svg'), r = svg.getBoundingClientRect();
const at = (p) => svg.dispatchEvent(new PointerEvent('pointermove', p));
const lines = () => svg.querySelectorAll('g path').length;
const s = D.panels[0].series.find((t) => t.name === 'normal'), f = D.panels[0].frame;
at({clientX: r.left + f.px(s.x[1]), clientY: r.top + f.py(s.y[1])});
seen.textContent = 'tip: ' + tip.textContent.replaceAll('\n', '|') + ';' + tip.style.display;
const before = lines();
[...document.querySelectorAll('button')].find((b) => b.textContent.includes('normal')).click();
seen.textContent += ' gone: ' + (before - lines());
at({clientX: r.left + f.px(s.x[1]), clientY: r.top + f.py(s.y[1])});
seen.textContent += ' still: ' +
    (tip.style.display === 'block' && tip.textContent.startsWith('normal')) + ' wide: ' +
    (document.documentElement.scrollWidth > innerWidth);
document.body.appendChild(seen);
</script>
HTML
    for width in 390 1280; do
        HOME=$PWD timeout 120 chromium --headless --no-sandbox --disable-gpu --window-size=$width,900 \
            --dump-dom "file://$PWD/roc.html" 2>/dev/null | grep -A 9 '<pre>' >seen
        grep -q 'tip: normal|0.792 .*|1 .* specificity: 0|sensitivity: 0.[0-9]* \[.*;block' seen
        grep -q 'gone: 2 still: false wide: false' seen
    done
}

@test "cam: films beside their maps, wrong calls framed" {
    tiny-stream 9 size=24 | tiny-cam >cam.tar
    for format in svg png pdf; do
        xr-plot cam --format $format cam.tar >cam.$format
        xr-plot cam --films 2 -o two.$format cam.tar
    done
    grep -q '>8 of 9 films; framed: called wrongly<' cam.svg
    grep -q '>2 of 9 films; framed: called wrongly<' two.svg
    [ "$(grep -c '<image' cam.svg)" -eq 16 ]
    grep -q '>truth ' cam.svg
    # the script gives the picture, pixels and all
    xr-plot cam --script cam.tar | gnuplot -d | sed 's/<title>Gnuplot/<title>xr-plot/; s/"Helvetica"/"Helvetica,Arial,sans-serif"/' | cmp - cam.svg
    xr-plot cam --films 1 -o cam.html cam.tar
    [ "$(grep -o 'data:image/png;base64' cam.html | wc -l)" -eq 2 ]
    run -1 --separate-stderr xr-plot cam <<<x
    [[ $stderr == "xr-plot: "* ]]
    tiny-stream 2 size=24 >plain.tar
    run -1 --separate-stderr xr-plot cam -o none.svg plain.tar
    [[ $stderr == "xr-plot: plain.tar: no heat maps" ]]
    [ ! -e none.svg ]
    head -c 20000 cam.tar >cut.tar
    run -1 --separate-stderr xr-plot cam -o none.svg cut.tar
    [[ $stderr == "xr-plot: cut.tar: "* ]]
    [ ! -e none.svg ]
}

@test "sheet: a row a film, a column an epoch, what was applied below" {
    tiny-stream 6 size=24 masks=1 epochs=3 >plain.tar
    xr-augment --augment -t 'hflip(p=1)' -t 'gamma(p=1)' -o aug.tar plain.tar
    for format in svg png pdf; do
        xr-plot sheet --format $format aug.tar >sheet.$format
    done
    [ "$(grep -c '<image' sheet.svg)" -eq 12 ]
    [ "$(grep -c '>epoch 3<' sheet.svg)" -eq 4 ]
    [ "$(grep -c '>hflip<' sheet.svg)" -eq 12 ]
    xr-plot sheet --films 6 aug.tar >all.svg
    [ "$(grep -c '<image' all.svg)" -eq 18 ]
    xr-plot sheet --films 1 plain.tar >one.svg
    grep -q '>(nothing)<' one.svg
}

@test "reliability: the bins of xr-metrics, counts below; --class takes one" {
    tables
    xr-plot reliability -n 99 --script predictions.csv >script
    # two rows of confidence 0.7, both right: mean 0.7, share 1
    awk '/^\$p0_2 /{ on = 1 } on && $1 == 0.7 && $2 == 1 && $3 < 1 && $4 == 1 { n++ } /^EOD/{ on = 0 } END { exit n != 1 }' script
    want=$(xr-metrics -n 99 --text predictions.csv | awk '/^ece / { sub(/\*? *$/, ""); print $2, $3, $4 }')
    [ -n "$want" ]
    grep -q -F "'$want'" script
    # where rows of a group are not independent no bin has an interval, nor a bar
    sed '1s/$/,g/; 2,$s/$/,a/' predictions.csv | awk -F, -v OFS=, 'NR > 1 { $NF = NR % 7 } 1' |
        xr-plot reliability -n 99 --group g --script >script
    awk '/^\$p0_2 /{ on = 1 } on && NF == 4 { n++; bad += $3 != $2 || $4 != $2 } /^EOD/{ on = 0 } END { exit bad || !n }' script
    xr-plot reliability -n 99 --class benign --script predictions.csv >script
    grep -q "'probability of benign'" script
    run -2 --separate-stderr xr-plot reliability -n 9 --class benign --class normal predictions.csv
    [[ $stderr == "xr-plot: reliability shows one --class"* ]]
}

@test "decision: the net benefit of xr-metrics" {
    tables
    xr-plot decision -n 99 --class normal --script predictions.csv >script
    xr-metrics -n 99 --decision normal predictions.csv >m.json
    # at 0.25: 3 true and 2 false rows of 7 are acted on less 1/3 each
    awk '/^\$p0_1 /{ on = 1 } on && $1 == 0.5 { print $2 } /^EOD/{ on = 0 }' script >got
    awk 'BEGIN { printf "%.6g\n", 2 / 7 - 1 / 7 }' >want
    diff got want
    run -1 --separate-stderr xr-plot decision -n 0 --class other predictions.csv
    [[ $stderr == *"no class 'other'" ]]
}

@test "operating points of a JSON, in place of the decision for the largest score" {
    tables
    cat >points.json <<'JSON'
{"operating_points": [{"class": "benign", "rule": "youden", "threshold": 0.25,
  "sensitivity": {"value": 0.75, "low": 0.5, "high": 0.9},
  "specificity": {"value": 0.625, "low": 0.25, "high": 0.875},
  "ppv": {"value": null}}]}
JSON
    xr-plot roc -n 99 --points points.json --script predictions.csv >script
    grep -q '^ 0.375 0.75 0.5 0.9 0.125 0.75$' script
    grep -q 'youden: p .* 0.25' script
    [ "$(grep -c xyerrorbars script)" -eq 1 ]
    xr-plot pr -n 99 --points points.json --script predictions.csv >script
    run ! grep -q xyerrorbars script
    { cat predictions.csv; sed '1d; s/,test,/,val,/; s/^/v/' predictions.csv; } >both.csv
    xr-metrics -n 99 --split test --at sens=0.75:benign -o real.json both.csv
    xr-plot roc -n 99 --points real.json --script predictions.csv >script
    grep -q 'sens=0.75: p ' script
    [ "$(grep -c xyerrorbars script)" -eq 1 ]
    run -1 --separate-stderr xr-plot roc -n 0 --points sub.json predictions.csv
    [[ $stderr == "xr-plot: sub.json: no operating points: xr-metrics --at"* ]]
}

@test "in a terminal: Braille where there is UTF-8, as wide as it is, no escapes in a file" {
    tables
    COLUMNS=40 LC_ALL=C.UTF-8 xr-plot curves -T log.csv >braille
    grep -q $'\xe2\xa0' braille
    [ "$(LC_ALL=C.UTF-8 wc -L <braille)" -le 40 ]
    xr-plot curves -T log.csv >plain
    run ! grep -q -P '[^\x20-\x7e]' plain
    grep -q 'AUC, validation (best 0.750, epoch 3)' plain
    COLUMNS=60 LC_ALL=C xr-plot curves --terminal -o wide log.csv
    [ "$(wc -L <wide)" -eq 59 ]
    xr-plot confusion -n 0 -T predictions.csv >table
    grep -q -E '^normal +2 +1 +0' table
    printf 'key,label,"p_a\033[2J",p_b\na,b,0.5,0.5\n' >bad.csv
    xr-plot roc -n 0 -T bad.csv >bad
    xr-plot classes -T bad.csv >>bad
    run ! grep -q $'\033' bad
    tiny-stream 3 size=24 | tiny-cam >cam.tar
    run -2 --separate-stderr xr-plot cam -T cam.tar
    [[ $stderr == "xr-plot: pictures cannot be drawn in a terminal"* ]]
}

@test "live: the file is drawn again as epochs come, and is never half there" {
    tables
    mkfifo pipe
    xr-plot curves --live -o log.svg <pipe &
    exec 5>pipe
    head -3 log.csv >&5
    for _ in $(seq 100); do [ -e log.svg ] && break; sleep 0.1; done
    xr-plot curves -o one.svg <(head -3 log.csv)
    cmp one.svg log.svg
    sed -n 4p log.csv | tr -d '\n' >&5 # a row that is not whole is not drawn
    sleep 0.6
    cmp one.svg log.svg
    { echo; sed -n 5p log.csv; } >&5
    xr-plot curves -o two.svg <(head -5 log.csv)
    for _ in $(seq 100); do cmp -s two.svg log.svg && break; sleep 0.1; done
    cmp two.svg log.svg
    sed -n '6,$p' log.csv >&5
    exec 5>&-
    wait
    xr-plot curves log.csv | cmp - log.svg
    wrong_usage xr-plot curves --live
    wrong_usage xr-plot roc --live -o x.svg
    run -1 --separate-stderr xr-plot curves --live -o x.svg </dev/null
    [[ $stderr == "xr-plot: standard input: empty input"* ]]
    run -1 --separate-stderr xr-plot curves --live -o x.svg <<<$'epoch,split,loss\n1,val,two'
    [[ $stderr == "xr-plot: standard input:2: column 'loss': 'two'"* ]]
    [ ! -e x.svg ]
    COLUMNS=40 xr-plot curves --live -T <log.csv >text
    COLUMNS=40 xr-plot curves -T <log.csv | cmp - <(tail -n "$(COLUMNS=40 xr-plot curves -T log.csv | wc -l)" text)
}

@test "curves --tensorboard: event files, and a picture where one is asked for" {
    tables
    xr-plot curves --tensorboard boards log.csv >out
    [ ! -s out ]
    [ -s boards/train/events.out.tfevents.0.xr-plot ]
    grep -q -a balanced_accuracy boards/val/events.out.tfevents.0.xr-plot
    cp -r boards before
    xr-plot curves --tensorboard boards -o log.svg log.csv
    diff -r boards before
    xr-plot curves log.csv | cmp - log.svg
    xr-plot curves --live --tensorboard live <log.csv
    diff -r live before
    wrong_usage xr-plot roc --tensorboard boards predictions.csv
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
