//! Filters: what they mean, how they are read, and what is said of those that cannot be.

use std::time::Duration;

use cachectl::{EntryHead, Filter, FilterError, Moment, Settings};

use crate::testkit::sample::{head, noon};

fn sample() -> EntryHead {
    let mut head = head("https://API.example.com:8443/v1/items?page=2");
    head.status = 404;
    head.body.bytes = 2_000_000;
    head.headers.set("Content-Type", "Image/PNG; q=1");
    head.headers.set("ETag", "\"a\"");
    head.serializer = Some("yaml".into());
    head.uses = 3;
    head
}

fn matches(filter: &Filter, head: &EntryHead) -> bool {
    let settings = Settings::default();
    let now = noon() + Duration::from_secs(2 * 3600);
    filter.matches(head, 2_001_500, Moment { now, settings: &settings })
}

#[test]
fn tests_mean_what_they_say() {
    let head = sample();
    for (text, expected) in [
        ("host = api.example.com", true),
        ("host ~ '*.EXAMPLE.com'", true),
        ("host ~ example.com", false),
        ("url ~ 'https://*page=?'", true),
        ("url ~ '*V1*'", false),
        ("url =~ 'items.page=[0-9]$'", true),
        ("scheme = https", true),
        ("path = /v1/items and query = 'page=2'", true),
        ("method = get", true),
        ("method != POST", true),
        ("status = 404", true),
        ("status = 4xx", true),
        ("status in 5xx", false),
        ("status in (200, 4xx)", true),
        ("status in 400..405", true),
        ("status in 400..404", false),
        ("status in 400..=404", true),
        ("status >= 500", false),
        ("type ~ 'image/*'", true),
        ("type = image/png", true),
        ("size > 1Mi", true),
        ("size > 2M", false),
        ("size >= 2M", true),
        ("size in 1k..10k", false),
        ("stored = 2001500", true),
        ("age > 1h", true),
        ("age > 3h", false),
        ("age in 1h..=2h", true),
        ("idle > 90m", true),
        ("created < 2026-11-23", true),
        ("created > 2026-11-22T12:00:00Z", true),
        ("created < 1h", true),
        ("created > 3h", true),
        ("used is null", true),
        ("used < 2030-01-01", false),
        ("not used < 2030-01-01", true),
        ("expires is not null", false),
        ("uses = 3", true),
        ("uses in (1, 2)", false),
        ("state = stale", true),
        ("state in (fresh, expired)", false),
        ("state != stale", false),
        ("serializer = yaml", true),
        ("tag = one", true),
        ("tag = 'two words'", true),
        ("tag != one", false),
        ("has(etag)", true),
        ("has(x-none)", false),
        ("header['Set-Cookie'] = 'b=2'", true),
        ("header[etag] is null", false),
        ("request['Accept'] = '*/*'", true),
        ("key ~ '*'", true),
        // `not` before `and` before `or`.
        ("status = 200 or status = 404 and size > 1M", true),
        ("(status = 200 or status = 404) and size > 5M", false),
        ("not status = 200 and size > 5M", false),
        ("not (status = 200 and size > 5M)", true),
    ] {
        let filter = Filter::parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert_eq!(matches(&filter, &head), expected, "{text}");
        // What was understood reads back as the same.
        let again = Filter::parse(&filter.to_string());
        let again = again.unwrap_or_else(|e| panic!("{filter}: {e:?}"));
        assert_eq!(matches(&again, &head), expected, "{text} became {filter}");
        assert_eq!(again.to_string(), filter.to_string());
    }
}

#[test]
fn an_error_points_at_its_place() {
    for (text, column, expected) in [
        ("status in 500..=599 adn age > 7d", 20, "\"and\", \"or\" or the end"),
        ("statis = 200", 0, "did you mean status?"),
        ("hots = x", 0, "did you mean host?"),
        ("banana = x", 0, "a field: key, url"),
        ("status > abc", 9, "a number"),
        ("status ~ 200", 7, "no text"),
        ("size > 5 parsecs", 9, "the end"),
        ("age > soon", 6, "a duration"),
        ("created > yesterday", 10, "a time"),
        ("state = rotten", 8, "fresh, stale"),
        ("host", 4, "an operator"),
        ("host =", 6, "a text"),
        ("(host = x", 9, "\")\""),
        ("host = 'x", 7, "a closing '"),
        ("url =~ '('", 7, "a regular expression"),
        ("used is nil", 8, "\"null\""),
        ("", 0, "a field"),
        ("status in (200,", 15, "a number"),
        ("status in (99999)", 11, "a number"),
        ("ä = 1", 0, "a field"),
    ] {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!(error.code(), "bad_filter");
        let source = std::error::Error::source(&error).expect("a source");
        let place = source.downcast_ref::<FilterError>().expect("a place");
        assert_eq!(place.column, column, "{text}: {place}");
        assert!(place.expected.contains(expected), "{text}: {place}");
    }
    let deep = format!("{}status = 200{}", "(".repeat(500), ")".repeat(500));
    assert!(Filter::parse(&deep).expect_err("deep").causes().contains("nesting"));
}

#[test]
fn key_prefixes_are_for_the_store() {
    for (text, prefix) in [
        ("key ~ '5be7*'", Some("5be7")),
        ("key = 5be7c0 and status = 200", Some("5be7c0")),
        ("key ~ '*5be7'", None),
        ("key ~ 'a*' or status = 200", None),
        ("not key ~ 'a*'", None),
    ] {
        let filter = Filter::parse(text).expect(text);
        assert_eq!(filter.key_prefix().as_deref(), prefix, "{text}");
    }
}

#[test]
fn filters_are_combined() {
    let head = sample();
    let both = Filter::parse("status = 404").expect("a filter");
    let both = both.and(Filter::test("host", "~", "it's*").expect("a filter"));
    assert!(!matches(&both, &head));
    assert_eq!(
        both.to_string(),
        "status in (404) and host ~ 'it\\'s*'".replace("in (404)", "= 404")
    );
    assert!(Filter::any([]).is_everything() && matches(&Filter::everything(), &head));
}

#[test]
fn what_cannot_be_read_is_only_meant_where_that_is_certain() {
    let settings = Settings::default();
    let moment = Moment { now: noon(), settings: &settings };
    let judged =
        |text: &str| Filter::parse(text).expect("a filter").matches_damaged("abc", 10, moment);
    for (text, expected) in [
        ("state = corrupt", Some(true)),
        ("state = fresh", Some(false)),
        ("key ~ 'a*'", Some(true)),
        ("host != 'keep.example'", None),
        ("not host = 'keep.example'", None),
        ("used is null", None),
        ("status != 200", None),
        ("state = corrupt and host = x", None),
        ("state = corrupt or host = x", Some(true)),
        ("key = b and host = x", Some(false)),
    ] {
        assert_eq!(judged(text), expected, "{text}");
    }
    assert_eq!(Filter::everything().matches_damaged("abc", 10, moment), Some(true));
}

#[test]
fn a_comparison_with_what_is_not_there_is_false() {
    let mut head = sample();
    head.last_used_at = None;
    head.headers.remove("etag");
    for text in ["used != 2026-01-01", "header['ETag'] != 'x'", "header['ETag'] !~ 'x*'"] {
        assert!(!matches(&Filter::parse(text).expect("a filter"), &head), "{text}");
    }
    assert!(matches(&Filter::parse("not header['ETag'] = 'x'").expect("a filter"), &head));
    let text = "host != 'a' and url !~ 'b*'";
    assert_eq!(Filter::parse(text).expect("a filter").to_string(), text);
}
