load helpers

# Ten rows of three classes in two splits; one row has no label.
predictions() {
    cat >predictions.csv <<'CSV'
key,label,split,fold,group,p_normal,p_benign,p_malignant,pred
a,normal,test,,g1,0.7,0.2,0.1,normal
b,normal,test,,g1,0.6,0.3,0.1,normal
c,normal,test,,g2,0.2,0.5,0.3,benign
d,benign,test,,g2,0.2,0.7,0.1,benign
e,benign,test,,g3,0.5,0.25,0.25,normal
f,malignant,test,,g4,0.1,0.1,0.8,malignant
g,malignant,test,,g4,0.3,0.3,0.4,malignant
h,normal,val,,g5,0.8,0.1,0.1,normal
i,,val,,,0.8,0.1,0.1,normal
CSV
    grep -v '^i,' predictions.csv >labelled.csv
}

# value PATH FILE: one value of a JSON file, as jq would print it
value() {
    awk -v path="$1" 'BEGIN { n = split(path, want, ".") ; at = 1 }
        { line = $0; while (at <= n && match(line, "\"" want[at] "\": *")) {
            line = substr(line, RSTART + RLENGTH); at++ }
          if (at > n) { sub(/[,}].*$/, "", line); print line; exit } }' "$2"
}

@test "help, version, configuration" {
    help_and_version xr-metrics
}

@test "each misuse exits 2 with nothing on standard output" {
    predictions
    wrong_usage xr-metrics --resamples x labelled.csv
    wrong_usage xr-metrics --resamples -1 labelled.csv
    wrong_usage xr-metrics --confidence 1 labelled.csv
    wrong_usage xr-metrics --method bayes labelled.csv
    wrong_usage xr-metrics -j -1 labelled.csv
    wrong_usage xr-metrics --seed 1.5 labelled.csv
    wrong_usage xr-metrics --text=yes labelled.csv
}

@test "the text report of a small table" {
    predictions
    cat >want <<'TEXT'
7 rows of split test, 3 classes

truth \ predicted        normal  benign  malignant  rows
normal                        2       1          0     3
benign                        1       1          0     2
malignant                     0       0          2     2

accuracy                         0.714
balanced_accuracy                0.722
roc_auc_ovr_macro                0.831
roc_auc_ovr_weighted             0.825
average_precision_macro          0.844
macro_avg.precision              0.722
macro_avg.recall                 0.722
macro_avg.f1                     0.722
weighted_avg.precision           0.714
weighted_avg.recall              0.714
weighted_avg.f1                  0.714
cohen_kappa                      0.562
cohen_kappa_linear               0.682
cohen_kappa_quadratic            0.794
matthews_corrcoef                0.562
log_loss                         0.766
brier_score                      0.428
top_2_accuracy                   0.857
roc_auc_ovo_macro                0.833
roc_auc_ovo_weighted             0.830
roc_auc_ovr_micro                0.832
roc_auc_ovr_macro_defined        0.831
average_precision_weighted       0.843
average_precision_micro          0.802
average_precision_macro_defined  0.844
ece                              0.400
ece_equal_mass                   0.400
classwise_ece                    0.300
mce                              0.600
brier.reliability                0.356
brier.resolution                 0.582
brier.uncertainty                0.653
brier.within_bins                0.000

                    normal                 benign                 malignant
support                 3                      2                      2
precision           0.667                  0.500                  1.000
recall              0.667                  0.500                  1.000
specificity         0.750                  0.800                  1.000
f1                  0.667                  0.500                  1.000
roc_auc             0.792                  0.700                  1.000
average_precision   0.833                  0.700                  1.000
npv                 0.750                  0.800                  1.000
brier_score         0.183                  0.162                  0.083
ece                 0.314                  0.350                  0.236

TEXT
    xr-metrics --text --resamples 0 --split test predictions.csv >got
    diff want got
}

@test "JSON: counts are numbers, figures are objects with value and interval" {
    predictions
    run -0 --separate-stderr xr-metrics --split test -n 200 -o m.json predictions.csv
    [ -z "$output$stderr" ]
    [ "$(value n m.json)" = 7 ]
    [ "$(value bootstrap.resamples m.json)" = 200 ]
    grep -q '\[2, 1, 0\],' m.json
    [ "$(value per_class.normal.support m.json)" = 3 ]
    [ "$(value per_class.normal.recall.method m.json)" = '"percentile_of_defined"' ]
    [[ $(value accuracy.value m.json) == 0.714285714285714* ]]
    [ "$(value accuracy.method m.json)" = '"bca"' ]
    grep -q '"predictions.csv": "sha256:' m.json
    run ! grep -q -i '[: [-]nan\|[: [-]inf' m.json
    xr-metrics --no-history --split test predictions.csv >plain.json
    run ! grep -q history plain.json
}

@test "the same bytes again, for any -j; another seed gives others" {
    predictions
    xr-metrics -q -j 1 labelled.csv >1
    xr-metrics -q -j 2 labelled.csv >2
    xr-metrics -q -s 1 labelled.csv >other
    cmp 1 2
    run ! cmp -s 1 other
    xr-metrics -q --no-history labelled.csv >1
    xr-metrics -q --no-history -j 5 <labelled.csv >5
    cmp 1 5
}

@test "rows in another order, extra columns and CRLF change no value" {
    predictions
    xr-metrics -q -n 0 --no-history labelled.csv >1
    { head -1 labelled.csv; tail -n +2 labelled.csv | sort -r; } | sed 's/$/,x\r/' |
        xr-metrics -q -n 0 --no-history >2
    cmp 1 2
}

@test "intervals by formula: named, and refused for groups" {
    predictions
    xr-metrics -q --auc-interval delong --proportion-interval clopper-pearson --split test predictions.csv >m.json
    [ "$(value intervals.auc m.json)" = '"delong"' ]
    [ "$(value intervals.proportions m.json)" = '"clopper_pearson"' ]
    [ "$(value per_class.benign.roc_auc.method m.json)" = '"delong"' ]
    [ "$(value accuracy.method m.json)" = '"clopper_pearson"' ]
    [ "$(value roc_auc_ovr_macro.method m.json)" = '"percentile_of_defined"' ]
    # both of two rows right: the bound is 0.025^(1/2)
    [[ $(value per_class.malignant.recall.low m.json) == 0.158113883008419* ]]
    xr-metrics -q --auc-interval delong-logit --split test predictions.csv >m.json
    [ "$(value per_class.malignant.roc_auc.method m.json)" = '"delong"' ] # 1 has no logit
    [[ $(value per_class.malignant.roc_auc.note m.json) == *"says nothing"* ]]
    wrong_usage xr-metrics --auc-interval delong --group group labelled.csv
    wrong_usage xr-metrics --proportion-interval wilson --group group labelled.csv
    wrong_usage xr-metrics --auc-interval wald labelled.csv
}

@test "settings of figures: bins, top k, strata" {
    predictions
    xr-metrics -q -n 200 --bins 4 --top-k 3 --stratified --method basic --split test predictions.csv >m.json
    [ "$(value bins.low m.json)" = 0 ]
    [ "$(value bins.high m.json)" = 0.25 ]
    [ "$(value top_3_accuracy.value m.json)" = 1 ]
    [ "$(value bootstrap.stratified m.json)" = true ]
    [ "$(value bootstrap.method m.json)" = '"basic"' ]
    [ "$(value roc_auc_ovr_macro.method m.json)" = '"basic"' ] # no class is ever absent
    wrong_usage xr-metrics --bins 0 labelled.csv
    wrong_usage xr-metrics --top-k 0 labelled.csv
}

# A table with val and test rows of two classes, scores falling.
two_splits() {
    { echo key,label,split,p_no,p_yes
      awk 'BEGIN { for (i = 0; i < 40; i++) { y = (i * 7) % 10 < 10 - i / 4 ? "yes" : "no"; p = (39.5 - i) / 40
          printf "k%d,%s,%s,%.6f,%.6f\n", i, y, i % 2 ? "val" : "test", 1 - p, p } }'; } >two.csv
}

@test "operating points: fitted on val, measured on test, never the other way round" {
    two_splits
    xr-metrics -n 200 --split test --at sens=0.9 --at youden --at spec=1:no two.csv >m.json
    [ "$(value operating_points.class m.json)" = '"yes"' ]
    [ "$(value operating_points.fitted_on.split m.json)" = '"val"' ]
    [ "$(value operating_points.fitted_on.n m.json)" = 20 ]
    [ "$(value operating_points.measured_on.split m.json)" = '"test"' ]
    [ "$(grep -c '"rule"' m.json)" = 3 ]
    # the threshold by hand: the val score at which 90 % of val's positives are reached
    t=$(awk -F, '$3 == "val" { n += $2 == "yes"; s[NR] = $5; y[NR] = $2 == "yes" }
        END { for (i = 1; i <= NR; i++) { if (i in s) { tp += y[i]; if (tp >= .9 * n) { print s[i] + 0; exit } } } }' two.csv)
    [ "$(value operating_points.threshold m.json)" = "$t" ]
    tp=$(awk -F, -v t="$t" '$3 == "test" && $2 == "yes" && $5 >= t' two.csv | wc -l)
    [ "$(value operating_points.tp m.json)" = "$tp" ]
    wrong_usage xr-metrics --at youden two.csv
    wrong_usage xr-metrics --at youden --split val two.csv
    wrong_usage xr-metrics --at youden --split train --fit-split test two.csv
    wrong_usage xr-metrics --at nonsense --split test two.csv
    wrong_usage xr-metrics --fit two.csv two.csv
    run -1 --separate-stderr xr-metrics -n 0 --at youden:maybe --split test two.csv
    [[ $stderr == *"there is no such class" ]]
    # other rows in a file of their own; the same rows are refused
    grep -v ,test, two.csv >val.csv
    grep -v ,val, two.csv >test.csv
    xr-metrics -n 200 --at sens=0.9 --fit val.csv test.csv >other.json
    [ "$(value operating_points.threshold other.json)" = "$t" ]
    run -1 --separate-stderr xr-metrics -n 0 --at youden --fit val.csv two.csv
    [[ $stderr == *"is among the rows to fit on" ]]
    xr-metrics -n 0 --text --split test --at youden two.csv | grep -q 'yes at youden: threshold'
}

@test "calibration: fitted on val, written, said; test rows alone change" {
    two_splits
    for how in temperature platt isotonic dirichlet; do
        xr-metrics -n 0 --split test --calibrate $how --calibration-out $how.json two.csv >m.json
        [ "$(value calibrated_by.method m.json)" = "\"$how\"" ]
        [ "$(value calibration.fitted_on.n $how.json)" = 20 ]
        grep -q '"two.csv": "sha256:' $how.json
    done
    xr-metrics -n 0 --split test two.csv >plain.json
    xr-metrics -n 0 --split test --calibrate temperature two.csv >m.json
    [ "$(value accuracy.value plain.json)" = "$(value accuracy.value m.json)" ]
    [ "$(value log_loss.value plain.json)" != "$(value log_loss.value m.json)" ]
    wrong_usage xr-metrics --calibrate temperature --split val two.csv
    wrong_usage xr-metrics --calibrate temperature two.csv
    wrong_usage xr-metrics --calibration-out c.json --split test two.csv
    [ ! -e c.json ]
    wrong_usage xr-metrics --calibrate platt --split test two.csv two.csv
}

@test "several splits at once are warned of" {
    predictions
    run -0 --separate-stderr xr-metrics -n 0 labelled.csv
    [[ $stderr == "xr-metrics: warning: labelled.csv: rows of 2 splits "* ]]
    run -0 --separate-stderr xr-metrics -n 0 --split test labelled.csv
    [ -z "$stderr" ]
    run -1 --separate-stderr xr-metrics -n 0 --split none labelled.csv
    [[ $stderr == "xr-metrics: labelled.csv: no row of split 'none'" ]]
    [ -z "$output" ]
}

@test "a row without a label is an error, or is left out and counted" {
    predictions
    run -1 --separate-stderr xr-metrics predictions.csv
    [[ $stderr == "xr-metrics: predictions.csv:10: no label"* ]]
    [ -z "$output" ]
    run -0 --separate-stderr xr-metrics -n 0 --skip-unlabelled predictions.csv
    [[ $stderr == *"1 rows without a label left out"* ]]
    [[ $output == *'"n": 8,'*'"n_unlabelled": 1,'* ]]
}

@test "groups: a group a row is no group at all; real groups change intervals only" {
    predictions
    xr-metrics -q --no-history labelled.csv >rows
    xr-metrics -q --no-history --group key labelled.csv >keys
    diff <(grep -v '"unit"\|resamples"' rows) <(grep -v '"unit"\|resamples"' keys)
    xr-metrics -q --no-history --group group labelled.csv >groups
    [ "$(value bootstrap.units groups)" = 5 ]
    [ "$(value accuracy.value rows)" = "$(value accuracy.value groups)" ]
    run ! cmp -s rows groups
    run -1 --separate-stderr xr-metrics --group patient labelled.csv
    [[ $stderr == *"patient"* ]]
}

@test "undefined figures are null with a reason" {
    predictions
    grep -v ',malignant,test' labelled.csv >two.csv
    xr-metrics -q -n 99 two.csv >m.json
    [ "$(value roc_auc_ovr_macro.value m.json)" = null ]
    [ "$(value roc_auc_ovr_macro.reason m.json)" = '"a class has no row"' ]
    [ "$(value per_class.malignant.roc_auc.value m.json)" = null ]
    [ "$(value per_class.malignant.recall.value m.json)" = 0 ]
    head -3 labelled.csv | xr-metrics -n 99 >one.json
    [ "$(value roc_auc_ovr_weighted.value one.json)" = null ]
    [ "$(value accuracy.note one.json)" != "" ]
}

# refused MESSAGE: the table on standard input is refused with that line and nothing else
refused() {
    cat >bad.csv
    run -1 --separate-stderr xr-metrics bad.csv
    [ -z "$output" ]
    [ "$stderr" = "xr-metrics: bad.csv$1" ] || { echo "$stderr"; return 1; }
}

@test "wrong tables are refused with file and line" {
    refused ":3: unknown label 'c': there is no column 'p_c'" <<<$'key,label,p_a,p_b\nx,a,1,0\ny,c,1,0'
    refused ":3: key 'x' was there before" <<<$'key,label,p_a,p_b\nx,a,1,0\nx,b,1,0'
    refused ":2: no key" <<<$'key,label,p_a,p_b\n,a,1,0'
    refused ":2: column 'p_b': 'nan': not a number from 0 to 1" <<<$'key,label,p_a,p_b\nx,a,1,nan'
    refused ":2: column 'p_a': '1.5': not a number from 0 to 1" <<<$'key,label,p_a,p_b\nx,a,1.5,0'
    refused ":2: column 'p_a': '': not a number from 0 to 1" <<<$'key,label,p_a,p_b\nx,a,,0'
    refused ":2: the probabilities add up to 0.9, not to 1" <<<$'key,label,p_a,p_b\nx,a,0.4,0.5'
    refused ":1: no column p_<class>: this is no table of predictions" <<<$'key,label,pred\nx,a,a'
    refused ": no row" <<<$'key,label,p_a,p_b'
    run -1 --separate-stderr xr-metrics absent.csv
    [[ $stderr == "xr-metrics: "*"absent.csv"*"No such file or directory" ]]
    run -1 --separate-stderr xr-metrics <<<$'key,p_a\nx,1'
    [[ $stderr == *"'label'"* ]]
}

@test "--stream: the same counts and values without the rows; what it cannot do, it says" {
    predictions
    xr-metrics -q -n 0 labelled.csv >kept.json
    xr-metrics -q -n 0 --stream <labelled.csv >summed.json
    [ "$(grep -A3 confusion_matrix kept.json)" = "$(grep -A3 confusion_matrix summed.json)" ]
    for figure in accuracy log_loss cohen_kappa ece reliability npv; do
        awk -v a="$(value $figure.value kept.json)" -v b="$(value $figure.value summed.json)" 'BEGIN { exit !((a - b) ^ 2 < 1e-20) }'
    done
    [ "$(value roc_auc_ovr_macro.value summed.json)" = null ]
    [[ $(value roc_auc_ovr_macro.reason summed.json) == *"all scores in order"* ]]
    xr-metrics -n 50 --stream --group group --split test predictions.csv >m.json
    [ "$(value bootstrap.unit m.json)" = '"block"' ]
    [ "$(value bootstrap.units m.json)" -le 4 ]
    wrong_usage xr-metrics --stream --stratified labelled.csv
    wrong_usage xr-metrics --stream --auc-interval delong labelled.csv
    wrong_usage xr-metrics --stream labelled.csv labelled.csv
    # parts of 8 MiB: quotes over their borders, lines counted through
    { head -1 labelled.csv
      awk 'BEGIN { for (i = 0; i < 300000; i++) printf "k%d,%s,test,,\"g\n%d\",0.25,0.5,0.25,benign\n", i, i % 2 ? "benign" : "normal", i }'; } >long.csv
    xr-metrics -q -n 0 --stream long.csv >m.json
    [ "$(value n m.json)" = 300000 ]
    [ "$(value accuracy.value m.json)" = 0.5 ]
    echo 'last,benign,test,,g,0.25,0.5,2,benign' >>long.csv
    run -1 --separate-stderr xr-metrics -q -n 0 --stream long.csv
    [[ $stderr == "xr-metrics: long.csv:600002: column 'p_malignant': "* ]]
    [ -z "$output" ]
    run -1 --separate-stderr xr-metrics --stream </dev/null
    [[ $stderr == *"empty input"* ]]
    run -1 --separate-stderr xr-metrics --stream <<<$'key,label,p_a,p_b'
    [[ $stderr == *"no row to measure" ]]
}

@test "an empty input asks whether the command before failed" {
    run -1 --separate-stderr xr-metrics </dev/null
    [[ $stderr == "xr-metrics: standard input: empty input: did the previous command fail?" ]]
    [ -z "$output" ]
}

@test "a table cut in the middle of a row is refused, and -o leaves no file" {
    predictions
    head -c 150 labelled.csv >cut.csv
    run -1 --separate-stderr xr-metrics -o m.json cut.csv
    [[ $stderr == "xr-metrics: cut.csv:"* ]]
    [ ! -e m.json ]
}

@test "a full disk is exit 1; a reader that leaves early is SIGPIPE, in silence" {
    predictions
    run -1 --separate-stderr bash -c 'xr-metrics -q -n 9 labelled.csv >/dev/full'
    [[ $stderr == "xr-metrics: "* ]]
    { head -1 labelled.csv | tr -d '\n'
      for i in $(seq 2000); do printf ',p_%d' $i; done
      echo; sed 1d labelled.csv | while read -r l; do printf %s "$l"; for i in $(seq 2000); do printf ,0; done; echo; done; } >wide.csv
    run -141 --separate-stderr bash -o pipefail -c 'xr-metrics -q -n 9 wide.csv | head -c 1 >/dev/null'
    [ -z "$stderr" ]
}

@test "settings from a file; the command line wins" {
    predictions
    printf 'metrics:\n  resamples: 50\n  split: test\ntrain:\n  lr: 1\n' >conf.yaml
    xr-metrics --config conf.yaml predictions.csv >m.json
    [ "$(value n m.json)" = 7 ]
    [ "$(value bootstrap.resamples m.json)" = 50 ]
    xr-metrics --config conf.yaml -n 60 predictions.csv >m.json
    [ "$(value bootstrap.resamples m.json)" = 60 ]
    printf 'metrics:\n  resample: 50\n' >wrong.yaml
    wrong_usage xr-metrics --config wrong.yaml predictions.csv
}

@test "the reference table: figures of scikit-learn in the output" {
    need_shared
    xr-metrics -n 0 "$SHARED/golden/metrics/a_test562.csv" >m.json
    [[ $(value roc_auc_ovr_macro.value m.json) == 0.880696686546552* ]]
    [[ $(value per_class.malignant.average_precision.value m.json) == 0.287839239418058* ]]
}

@test "all rows of one group: the group left out, nothing is left, and that ends" {
    printf 'key,label,group,p_a,p_b\n1,a,g,.9,.1\n2,b,g,.4,.6\n3,a,g,.3,.7\n' >one.csv
    run -0 --separate-stderr timeout 20 xr-metrics -n 50 --group group -o one.json one.csv
    grep -q '"ece_equal_mass"' one.json
}
