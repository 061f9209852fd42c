//! Mistyped words.

/// The candidate that a mistyped word most likely means; `None` when none is near.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(word.len()) / 3).max(1))
        .filter(|(distance, candidate)| *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What may stand where an unknown word stands: the one that was probably meant, else all.
pub fn expected<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known are {}", known.join(", ")),
    }
}

/// Edits between two words: insert, delete, replace, swap neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let kinds = ["file", "sqlite", "redis", "memory", "s3"];
        let near = |word| nearest(word, kinds.into_iter());
        assert_eq!(near("redsi"), Some("redis"));
        assert_eq!(near("sqllite"), Some("sqlite"));
        assert_eq!(near("fiel"), Some("file"));
        assert_eq!(near("s4"), Some("s3"));
        assert_eq!(near("banana"), None);
        assert_eq!(near("x"), None);
        assert_eq!(nearest("xml", ["json", "yaml"].into_iter()), None);
        assert_eq!(expected("redsi", kinds), "did you mean redis?");
        assert_eq!(expected("x", ["a", "bcd"]), "known are a, bcd");
    }
}
