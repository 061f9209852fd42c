//! Globs over a whole text: `*` any characters, `?` one, `[a-z]` one of these.

/// Whether a text matches a glob; with `folded`, upper and lower case of ASCII are the
/// same. A backslash takes the next character as it is. An unclosed `[` is itself.
pub fn glob_matches(pattern: &str, text: &str, folded: bool) -> bool {
    let fold = |c: char| if folded { c.to_ascii_lowercase() } else { c };
    let pattern: Vec<char> = pattern.chars().map(fold).collect();
    let text: Vec<char> = text.chars().map(fold).collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on when the last star has to take one character more.
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match step(&pattern[p..], text[t]) {
            Step::Star => {
                back = Some((p + 1, t));
                p += 1;
            }
            Step::One(length) => {
                p += length;
                t += 1;
            }
            Step::No => match back {
                Some((after, taken)) => {
                    back = Some((after, taken + 1));
                    (p, t) = (after, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

enum Step {
    Star,
    /// This many characters of the pattern match the one of the text.
    One(usize),
    No,
}

fn step(pattern: &[char], c: char) -> Step {
    match pattern {
        ['*', ..] => Step::Star,
        ['?', ..] => Step::One(1),
        ['\\', wanted, ..] if *wanted == c => Step::One(2),
        ['\\', _, ..] => Step::No,
        ['[', rest @ ..] => match set(rest, c) {
            Some((true, length)) => Step::One(length + 1),
            Some((false, _)) => Step::No,
            None if c == '[' => Step::One(1),
            None => Step::No,
        },
        [wanted, ..] if *wanted == c => Step::One(1),
        _ => Step::No,
    }
}

/// Whether a set holds a character, and how long the set is with its bracket.
fn set(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negated = matches!(pattern, ['!' | '^', ..]);
    let mut at = usize::from(negated);
    let first = at;
    let mut found = false;
    loop {
        match pattern.get(at..)? {
            [']', ..] if at > first => return Some((found != negated, at + 1)),
            [low, '-', high, ..] if *high != ']' => {
                found |= (*low..=*high).contains(&c);
                at += 3;
            }
            [one, ..] => {
                found |= *one == c;
                at += 1;
            }
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_texts() {
        for (pattern, text, matches) in [
            ("*.example.com", "api.example.com", true),
            ("*.example.com", "example.com", false),
            ("*", "", true),
            ("a*b*c", "a/x/b/y/c", true),
            ("a*b*c", "acb", false),
            ("?x", "äx", true),
            ("[a-c]1", "b1", true),
            ("[!a-c]1", "b1", false),
            ("[]x]", "]", true),
            ("[ab", "[ab", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("image/*", "IMAGE/png", false),
            ("**a**", "xxaxx", true),
        ] {
            assert_eq!(glob_matches(pattern, text, false), matches, "{pattern} {text}");
        }
        assert!(glob_matches("*.Example.com", "API.example.COM", true));
        // Many stars over a long text are no trouble.
        assert!(!glob_matches(&"*a".repeat(50), &"a".repeat(40_000).replace('a', "b"), false));
    }
}
