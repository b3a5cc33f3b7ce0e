//! Proves the validators: a good record passes them all, and the same with a fault planted fails
//! the one validator whose promise that is, and no other.

use crate::faults::{DRAIN_FAULTS, FAULTS};
use crate::record::Record;
use crate::validate::{Violation, validate};
use std::collections::BTreeSet;

/// A short run in which everything happens that there is a promise about.
const GOOD: &str = r#"
w opens resp3
a opens resp3
a > WATCH "" ECHO
a < watching e 0
b opens resp2
b > WATCH k/
b < watching e 0
l opens lines
l > PING
l < other
l > WATCH k/a
l < ok
w > PUT k/a 1
w > PUT k/b 1
w < done 1
w < done 2
a ! notify PUT k/a 1 1
a ! notify PUT k/b 2 1
b ! notify PUT k/a 1 1
b ! notify PUT k/b 2 1
l ! notify PUT k/a
a > PUT o 5
a < done 3
a ! notify PUT o 3 5
w > UPDATE k/a 1 2
w > PUT x 7
w < done 4
w < done 5
a ! notify UPDATE k/a 4 1 2
a ! notify PUT x 5 7
a ! progress 5
l ! notify UPDATE k/a
l > LIST k/
l < keys k/a k/b
l > LIST k/ AFTER k/b
l < keys
b ! notify UPDATE k/a 4 1 2
b cut
w > PUT k/c 1
w > PUT k/c 2
w > PUT k/a 3
w < done 6
w < done 7
w < done 8
w > STATS
w < stats history_first_revision=5 revision=8
c opens resp3 after b
c > WATCH k/ SINCE e 4
c < watching e 4
c ! notify PUT k/c 6 1
c ! notify PUT k/c 7 2
c ! notify PUT k/a 8 3
l ! notify PUT k/a
a ! notify PUT k/c 6 1
a ! lost 7 8
w > STATS
w < stats history_first_revision=9 revision=8
w > REMOVE k/c 1
w < done 9
g opens resp3
g > WATCH k/ SINCE e 2
g < gone 9 e
g > WATCH k/ SINCE f 8
g < gone 9 e
g > WATCH k/ SINCE e 8
g < watching e 8
g ! notify REMOVE k/c 9 1
m opens resp3 mirror
m > WATCH k/
m < watching e 9
m > LIST k/ COUNT 1
w > DELETE k/b
w < done 10
m < page 9 k/a k/a=2,3
m ! notify DELETE k/b 10
m > LIST k/ AFTER k/a COUNT 1
w > PUT k/a 4
w < done 11
m ! notify PUT k/a 11 4
m < page 11 - k/c=2
c ! notify REMOVE k/c 9 1
c > UNWATCH
c < ok
a ! notify REMOVE k/c 9 1
a ! notify DELETE k/b 10
a ! notify PUT k/a 11 4
a ! progress 11
g > WATCH o
g < watching e 11
g ! notify DELETE k/b 10
g ! notify PUT k/a 11 4
l ! notify PUT k/a
w > LIST "" COUNT 1000
w < page 11 - k/a=2,3,4 k/c=2 o=5 x=7
w > STATS
w < stats history_first_revision=9 notices_delivered=DELIVERED notices_lost=LOST revision=11
"#;

/// A short run that ends because the server is told to stop.
const DRAINED: &str = r#"
w opens resp3
a opens resp3
a > WATCH ""
a < watching e 0
b opens resp2
b > WATCH k/
b < watching e 0
l opens lines
l > PING
l < other
h opens resp3
h > WATCH ""
h < watching e 0
w > PUT k/a 1
w < done 1
a ! notify PUT k/a 1 1
b ! notify PUT k/a 1 1
l ! notify PUT k/a
h ! notify PUT k/a 1 1
h half
h end
w > PUT k/b 1
w > PUT x 1
w > PUT k/c 1
w stops
w < done 2
a ! notify PUT k/b 2 1
a ! drain
b ! drain
l ! notify PUT k/b
l ! drain
w < done 3
w < done 4
w > PUT x 2
w end
a ! notify PUT x 3 1
a ! notify PUT k/c 4 1
a end
b ! lost 2 4
b end
l ! lost 3 4
l end
w reports notices_delivered=DELIVERED notices_lost=LOST requests=ANSWERED
"#;

/// What is wrong with a record in its text form, once the sums are filled in.
fn judge(text: &str) -> Vec<Violation> {
    let ranges = text.lines().filter_map(|line| line.split_once(" ! lost "));
    let numbers = ranges.filter_map(|(_, range)| range.split_once(' '));
    let number = |word: &str| word.parse::<u64>().expect("a number");
    let lost = numbers.map(|(first, last)| (number(last) + 1).saturating_sub(number(first)));
    let told = text.matches(" ! notify ").count();
    let text = text.replace("DELIVERED", &told.to_string());
    let text = text.replace("ANSWERED", &text.matches(" < ").count().to_string());
    validate(&Record::parse(
        &text.replace("LOST", &lost.sum::<u64>().to_string()),
    ))
}

#[test]
fn a_good_record_passes_every_validator() {
    assert_eq!(judge(GOOD), []);
    assert_eq!(judge(DRAINED), []);
}

#[test]
fn a_planted_fault_fails_the_validator_of_its_promise_and_no_other() {
    let (mut proved, mut wrong) = (BTreeSet::new(), Vec::new());
    let in_good = FAULTS.iter().map(|fault| (GOOD, fault));
    let faults = in_good.chain(DRAIN_FAULTS.iter().map(|fault| (DRAINED, fault)));
    for (record, (promise, says, edits)) in faults {
        let mut text = record.to_owned();
        for (from, to) in *edits {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            text = text.replace(from, to);
        }
        let found = judge(&text);
        let others = found.iter().any(|violation| violation.promise != *promise);
        if others || !found.iter().any(|violation| violation.text.contains(says)) {
            wrong.push(format!("{promise} ({says}), {edits:?}: {found:#?}"));
        }
        proved.insert(*promise);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all = crate::validate::VALIDATORS.map(|(promise, _)| promise);
    assert_eq!(proved, BTreeSet::from(all));
}

#[test]
fn a_revision_that_nobody_or_two_were_given_is_found() {
    for (from, to) in [
        ("w < done 10\n", "w < missing\n"),
        ("w < done 10\n", "w < done 9\n"),
    ] {
        let found = judge(&GOOD.replace(from, to));
        assert!(
            found.iter().any(|violation| violation.promise == "Known"),
            "{found:#?}"
        );
    }
}

#[test]
fn a_record_is_written_as_it_is_read() {
    for record in [GOOD, DRAINED] {
        let text = record.replace("DELIVERED", "1").replace("LOST", "2");
        let text = text.replace("ANSWERED", "3");
        assert_eq!(Record::parse(&text).to_string().trim(), text.trim());
    }
}
