//! Lists of URLs and keys as people, programs and shells write them.

use std::io::Write;

use cachectl::Error;
use cachectl::UrlText;
use cachectl::interchange::urls::{Item, ListItems, UrlList};

/// What comes of an item: a URL, a key (as the line says it, or as it is), or words of an error.
#[derive(Debug, PartialEq, Clone)]
enum Is {
    Url(&'static str),
    Line(&'static str),
    Key(&'static str),
    Bad(&'static str),
}

use Is::{Bad, Key, Line, Url};

const A: &str = "http://h.example/a";
const B: &str = "http://h.example/b";

fn utf16(text: &str, little: bool) -> Vec<u8> {
    let order = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(order).collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).expect("compressed");
    encoder.finish().expect("compressed")
}

fn shapes() -> Vec<(&'static str, Vec<u8>, Vec<Is>)> {
    let text = |name, text: &str, items| (name, text.as_bytes().to_vec(), items);
    let both = || vec![Url(A), Url(B)];
    vec![
        text("one a line", "http://h.example/a\nhttp://h.example/b\n", both()),
        text("no end of the last line", "http://h.example/a\nhttp://h.example/b", both()),
        text("CR LF", "http://h.example/a\r\nhttp://h.example/b\r\n", both()),
        text("blank lines", "\n\nhttp://h.example/a\n \t\n\nhttp://h.example/b\n\n", both()),
        text("blanks around", "  http://h.example/a  \n\thttp://h.example/b\t\n", both()),
        text("a mark", "\u{feff}http://h.example/a\nhttp://h.example/b\n", both()),
        text("a mark and CR LF", "\u{feff}http://h.example/a\r\nhttp://h.example/b\r\n", both()),
        text("comments", "# mine\nhttp://h.example/a\n  # more\nhttp://h.example/b\n", both()),
        text(
            "comments behind",
            "http://h.example/a   # the start\nhttp://h.example/b\t#x\n",
            both(),
        ),
        text("a fragment", "http://h.example/a#top\n", vec![Url("http://h.example/a#top")]),
        text("nothing", "", vec![]),
        text("only comments", "# a\n#b\n", vec![]),
        text(
            "two columns",
            "http://h.example/a 200\nhttp://h.example/b\n",
            vec![Bad("line 1"), Url(B)],
        ),
        text("a title behind a tab", "http://h.example/a\tThe page\n", vec![Bad("%20")]),
        text("two URLs in a line", "http://h.example/a http://h.example/b\n", vec![Bad("line 1")]),
        text("a blank in a path", "http://h.example/a b.html\n", vec![Bad("%20")]),
        text(
            "keys",
            "0123456789abcdef0123456789abcdef\nmy key # 1\n",
            vec![Line("0123456789abcdef0123456789abcdef"), Line("my key # 1")],
        ),
        text("no URL", "h.example/a\n", vec![Line("h.example/a")]),
        text("capitals", "HTTP://H.example/a\n", vec![Url("HTTP://H.example/a")]),
        text(
            "objects",
            "{\"url\":\"http://h.example/a\"}\n{\"url\": \"http://h.example/b\"}\r\n",
            both(),
        ),
        text(
            "objects with keys",
            "{\"key\":\"k\",\"url\":\"http://h.example/a\"}\n",
            vec![Key("k")],
        ),
        text("objects with keys alone", "{\"key\":\"a b\"}\n", vec![Key("a b")]),
        text(
            "a summary at the end",
            "{\"url\":\"http://h.example/a\"}\n{\"command\":\"warm\"}\n",
            vec![Url(A)],
        ),
        text(
            "an object without either",
            "{\"name\":\"x\"}\nhttp://h.example/b\n",
            vec![Bad("line 1"), Url(B)],
        ),
        text("half an object", "{\"url\":\n", vec![Bad("line 1")]),
        text("objects and lines", "{\"url\":\"http://h.example/a\"}\nhttp://h.example/b\n", both()),
        ("NULs", b"http://h.example/a\0http://h.example/b\0".to_vec(), both()),
        ("NULs, no last one", b"http://h.example/a\0http://h.example/b".to_vec(), both()),
        ("NULs and odd keys", b"a\nb\0# c\0\\t\0".to_vec(), vec![Line("a"), Line("b\0# c\0\\t\0")]),
        ("NULs first", b"# c\0a\nb\0\\t\0".to_vec(), vec![Key("# c"), Key("a\nb"), Key("\\t")]),
        ("UTF-16, little", utf16("http://h.example/a\r\nhttp://h.example/b\r\n", true), both()),
        ("UTF-16, big", utf16("http://h.example/a\nhttp://h.example/b\n", false), both()),
        (
            "UTF-16, beyond",
            utf16("http://h.example/\u{1f600}\n", true),
            vec![Url("http://h.example/\u{1f600}")],
        ),
        (
            "not UTF-8",
            b"http://h.example/\xe9\nhttp://h.example/b\n".to_vec(),
            vec![Bad("line 1"), Url(B)],
        ),
        ("gzip", gzip(b"http://h.example/a\nhttp://h.example/b\n"), both()),
        ("gzip of UTF-16", gzip(&utf16("http://h.example/a\nhttp://h.example/b\n", true)), both()),
        (
            "too long",
            [b"http://h.example/".to_vec(), vec![b'a'; 70_000]].concat(),
            vec![Bad("too long")],
        ),
    ]
}

fn is(item: Result<Item, Error>) -> (String, String) {
    match item {
        Ok(Item::Url(url)) => ("url".into(), url),
        Ok(Item::Entry { key: None, url, .. }) => ("url".into(), url.unwrap_or_default()),
        Ok(Item::Entry { key: Some(key), .. }) => ("key".into(), key),
        Ok(Item::Key(text, true)) => ("line".into(), text),
        Ok(Item::Key(text, false)) => ("key".into(), text),
        Err(e) => ("bad".into(), format!("{e} {}", e.causes())),
    }
}

#[test]
fn interchange_every_shape_of_a_list_comes_out_right() {
    let shapes = shapes();
    assert!(shapes.len() >= 30);
    for (name, bytes, wanted) in shapes {
        let from = Box::new(std::io::Cursor::new(bytes));
        let items = ListItems::open(from, "urls.txt").expect(name);
        let items: Vec<_> = items.map(is).collect();
        assert_eq!(items.len(), wanted.len(), "{name}: {items:?}");
        for ((kind, text), wanted) in items.iter().zip(wanted) {
            let fits = match &wanted {
                Url(url) => kind == "url" && text == url,
                Line(line) => kind == "line" && text == line,
                Key(key) => kind == "key" && text == key,
                Bad(words) => kind == "bad" && text.contains(words),
            };
            assert!(fits, "{name}: {kind} {text:?} is no {wanted:?}");
        }
    }
}

const NS: &str = "xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\"";

/// A sitemap with these entries.
fn urlset(entries: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset {NS}>{entries}</urlset>")
        .into_bytes()
}

/// A name, a sitemap, what an index in it names, and what comes of it.
type Shape = (&'static str, Vec<u8>, Option<&'static [u8]>, Vec<Is>);

fn sitemaps() -> Vec<Shape> {
    let two = "<url><loc>http://h.example/a</loc></url><url><loc>http://h.example/b</loc></url>";
    let both = || vec![Url(A), Url(B)];
    let set = |name, entries: &str, wanted| (name, urlset(entries), None, wanted);
    let raw = |name, text: &str, wanted| (name, text.as_bytes().to_vec(), None, wanted);
    let with = |name, middle: &str, wanted| {
        let text = two.replace("</url><url>", &format!("{middle}</url><url>"));
        (name, urlset(&text), None, wanted)
    };
    let index: &[u8] = b"<sitemapindex xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\"><sitemap><loc>http://h.example/maps/one</loc></sitemap></sitemapindex>";
    let below = |name, child: &'static [u8], wanted| (name, index.to_vec(), Some(child), wanted);
    let image = "<image:image><image:loc>http://h.example/i.png</image:loc><image:title>Rock &amp; Roll</image:title></image:image>";
    vec![
        set("as it should be", two, both()),
        set("nothing in it", "", vec![]),
        raw("no declaration", &format!("<urlset {NS}>{two}</urlset>"), both()),
        raw("no namespace", &format!("<urlset>{two}</urlset>"), both()),
        raw("another namespace", &format!("<urlset xmlns=\"http://www.google.com/schemas/sitemap/0.84\">{two}</urlset>"), both()),
        raw("a prefix", "<s:urlset xmlns:s=\"x\"><s:url><s:loc>http://h.example/a</s:loc></s:url></s:urlset>", vec![Url(A)]),
        raw("a mark", &format!("\u{feff}<urlset>{two}</urlset>"), both()),
        raw("blanks before", &format!("\n\n  <urlset>{two}</urlset>"), both()),
        raw("a style sheet", &format!("<?xml version=\"1.0\"?><?xml-stylesheet type=\"text/xsl\" href=\"/s.xsl\"?><urlset>{two}</urlset>"), both()),
        raw("comments", &format!("<!-- made by x --><urlset><!-- a -->{two}<!-- b --></urlset><!-- c -->"), both()),
        raw("a document type", &format!("<!DOCTYPE urlset><urlset>{two}</urlset>"), both()),
        set("lines around", "<url>\n  <loc>\n   http://h.example/a\n  </loc>\n</url>", vec![Url(A)]),
        set("CDATA", "<url><loc><![CDATA[http://h.example/a?x=1&y=2]]></loc></url>", vec![Url("http://h.example/a?x=1&y=2")]),
        set("escaped", "<url><loc>http://h.example/a?x=1&amp;y=2</loc></url>", vec![Url("http://h.example/a?x=1&y=2")]),
        set("by number", "<url><loc>http://h.example/&#97;</loc></url>", vec![Url(A)]),
        set("by hex number", "<url><loc>http://h.example/&#x61;</loc></url>", vec![Url(A)]),
        set("a bare & in a place", "<url><loc>http://h.example/a?x=1&y=2</loc></url>", vec![Url("http://h.example/a?x=1&y=2")]),
        set("an unknown entity in a place", "<url><loc>http://h.example/&eacute;</loc></url><url><loc>http://h.example/b</loc></url>", vec![Bad("&eacute;"), Url(B)]),
        with("the other members", "<lastmod>2026-01-01</lastmod><changefreq>daily</changefreq><priority>0.5</priority>", both()),
        with("an image", image, both()),
        with("an entity in a title", "<image:title>caf&eacute; &nbsp;</image:title>", both()),
        with("a bare & in a title", "<image:title>Rock & Roll</image:title>", both()),
        with("a bare & at its end", "<image:title>AT&T &</image:title>", both()),
        with("markup in a title", "<image:title>a <b>bold</b> one</image:title>", both()),
        with("CDATA in a title", "<image:title><![CDATA[<b>&eacute;]]></image:title>", both()),
        with("a video", "<video:video><video:content_loc>http://h.example/v</video:content_loc></video:video>", both()),
        with("other languages", "<xhtml:link rel=\"alternate\" hreflang=\"de\" href=\"http://h.example/de\"/>", both()),
        with("an empty element", "<image:caption/>", both()),
        with("news", "<news:news><news:title>x</news:title></news:news>", both()),
        with("a place of another kind", "<other><loc>http://h.example/no</loc></other>", both()),
        with("a comment inside", "<!-- <loc>http://h.example/no</loc> -->", both()),
        set("no place", "<url><lastmod>2026</lastmod></url><url><loc>http://h.example/b</loc></url>", vec![Url(B)]),
        set("an empty place", "<url><loc></loc></url>", vec![Url("")]),
        (
            "Latin-1 in a title",
            [&urlset("<url><loc>http://h.example/a</loc><image:title>caf")[..], b"\xe9"].concat().into_iter().chain(b"</image:title></url></urlset>".iter().copied()).collect(),
            None,
            vec![Url(A), Bad("")],
        ),
        (
            "Latin-1 in a comment",
            [b"<urlset><!-- caf\xe9 --><url><loc>http://h.example/a</loc></url></urlset>".to_vec()].concat(),
            None,
            vec![Url(A)],
        ),
        (
            "Latin-1 in a place",
            b"<urlset><url><loc>http://h.example/\xe9</loc></url><url><loc>http://h.example/b</loc></url></urlset>".to_vec(),
            None,
            vec![Bad("XML"), Url(B)],
        ),
        ("UTF-16", utf16(&format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?><urlset>{two}</urlset>"), true), None, both()),
        ("gzip", gzip(&urlset(two)), None, both()),
        set("a relative place", "<url><loc>/a</loc></url><url><loc>b</loc></url>", vec![Url(A), Url("http://h.example/maps/b")]),
        set("no scheme", "<url><loc>//h.example/a</loc></url>", vec![Url(A)]),
        raw("cut off", &format!("<urlset>{two}<url><loc>http://h.ex"), vec![Url(A), Url(B), Bad("cut off")]),
        raw("no end", &format!("<urlset>{two}"), vec![Url(A), Url(B), Bad("cut off")]),
        raw("a page", "<html><body>not here</body></html>", vec![Bad("no sitemap")]),
        raw("a feed", "<rss version=\"2.0\"><channel/></rss>", vec![Bad("no sitemap")]),
        below("an index", b"<urlset><url><loc>http://h.example/a</loc></url></urlset>", vec![Url(A)]),
        below("an index of a text", b"http://h.example/a\nhttp://h.example/b\n", both()),
        below("an index of a text with a mark", b"\xef\xbb\xbfhttp://h.example/a\r\n", vec![Url(A)]),
        below("an index of nothing", b"", vec![]),
        below("an index of a relative place", b"<urlset><url><loc>/a</loc></url><url><loc>b</loc></url></urlset>", vec![Url(A), Url("http://h.example/maps/b")]),
        below("an index of an index", b"<sitemapindex><sitemap><loc>http://h.example/maps/one</loc></sitemap></sitemapindex>", vec![]),
        below("an index of a page", b"<html><body/></html>", vec![Bad("no sitemap")]),
    ]
}

#[test]
fn interchange_every_shape_of_a_sitemap_comes_out_right() {
    let shapes = sitemaps();
    assert!(shapes.len() >= 50, "{}", shapes.len());
    let base = UrlText::parse("http://h.example/maps/index.xml").expect("a URL");
    for (name, bytes, child, wanted) in shapes {
        let open = Box::new(move |_: &str| {
            let child = child.expect("only an index opens others");
            Ok(Box::new(std::io::Cursor::new(child)) as Box<dyn std::io::Read + Send>)
        });
        let from = Box::new(std::io::Cursor::new(bytes));
        let list = UrlList::open(from, None, "s.xml", Some(&base), open).expect(name);
        let items: Vec<_> = list.take(10).collect();
        assert_eq!(items.len(), wanted.len(), "{name}: {items:?}");
        for (item, wanted) in items.iter().zip(wanted) {
            let fits = match (&wanted, item) {
                (Url(url), Ok(listed)) => listed.url == *url,
                (Bad(words), Err(e)) => format!("{e} {}", e.causes()).contains(words),
                _ => false,
            };
            assert!(fits, "{name}: {item:?} is no {wanted:?}");
        }
    }
}
