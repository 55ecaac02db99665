//! Which lines of a text came and went: the longest common lines stay.

/// Lines of two texts that are compared at most; longer texts are shown as one that went and one that came.
const MOST: usize = 1_500;
/// Lines around a change that are shown.
const AROUND: usize = 3;

/// The lines that differ, with some around them: class and line.
pub fn lines(old: &str, new: &str) -> Vec<(&'static str, String)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if old.len().max(new.len()) > MOST {
        let gone = old.iter().map(|line| ("went", format!("- {line}")));
        return gone
            .chain(new.iter().map(|line| ("came", format!("+ {line}"))))
            .collect();
    }
    around(&whole(&old, &new))
}

fn whole(old: &[&str], new: &[&str]) -> Vec<(&'static str, String)> {
    // The length of the longest common lines from (i, j) on.
    let width = new.len() + 1;
    let mut common = vec![0_usize; (old.len() + 1) * width];
    let at = |i: usize, j: usize| i * width + j;
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let read = |place: usize| common.get(place).copied().unwrap_or(0);
            let longest = if a == b {
                read(at(i + 1, j + 1)) + 1
            } else {
                read(at(i + 1, j)).max(read(at(i, j + 1)))
            };
            if let Some(place) = common.get_mut(at(i, j)) {
                *place = longest;
            }
        }
    }
    let (mut i, mut j, mut found) = (0, 0, Vec::new());
    let read = |i: usize, j: usize| common.get(at(i, j)).copied().unwrap_or(0);
    loop {
        match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) if a == b => {
                found.push(("same", format!("  {a}")));
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), Some(_)) if read(i + 1, j) >= read(i, j + 1) => {
                found.push(("went", format!("- {a}")));
                i += 1;
            }
            (Some(a), None) => {
                found.push(("went", format!("- {a}")));
                i += 1;
            }
            (_, Some(b)) => {
                found.push(("came", format!("+ {b}")));
                j += 1;
            }
            (None, None) => return found,
        }
    }
}

fn around(all: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let near = |at: usize| {
        let from = at.saturating_sub(AROUND);
        all.iter()
            .skip(from)
            .take(at - from + AROUND + 1)
            .any(|(class, _)| *class != "same")
    };
    let mut shown: Vec<(&'static str, String)> = Vec::new();
    let mut skipped = false;
    for (at, line) in all.iter().enumerate() {
        if near(at) {
            if skipped {
                shown.push(("same", "  …".to_owned()));
            }
            shown.push(line.clone());
            skipped = false;
        } else {
            skipped = true;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_left_out_and_what_changes_is_marked() {
        let old: Vec<String> = (1..=20).map(|n| format!("line {n}")).collect();
        let mut new = old.clone();
        new[9] = "other".to_owned();
        new.remove(0);
        let found = lines(&old.join("\n"), &new.join("\n"));
        let text: Vec<&str> = found.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(text[0], "- line 1");
        assert!(
            text.contains(&"- line 10") && text.contains(&"+ other") && text.contains(&"  …"),
            "{text:?}"
        );
        assert!(!text.contains(&"  line 20"));
        assert!(lines("a\nb", "a\nb").is_empty());
        assert_eq!(lines("", "a"), [("came", "+ a".to_owned())]);
    }
}
