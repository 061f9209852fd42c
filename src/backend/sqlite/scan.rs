//! Listing: rows a page at a time, in one snapshot where the store has connections of its own.

use std::sync::{Arc, mpsc};

use bytes::Bytes;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use crate::error::Result;
use crate::filter::{Bound, Column, Detail};
use crate::model::{EntryHead, Headers, Method, Request, Timestamp, UrlText};
use crate::serializer::SERIALIZER_NAMES;
use crate::storage::{Found, Items, Order, Position, Query, Sort};

use super::place::Snapshot;
use super::{Inner, MAX_ROW, STORED, Stored, id_of, is_about_the_row, odd_row};

/// Rows of a page: of whole records, and of columns only.
const PAGE: usize = 64;
const PAGE_OF_COLUMNS: usize = 1024;

/// A page ends with the row that makes it as long as this many bytes.
const PAGE_BYTES: u64 = 2 << 20;

/// The most entries that are sorted here; their row numbers are held in memory.
const MOST_SORTED: usize = 10_000;

/// What [`listed`] reads.
const COLUMNS: &str = r#"c.id, c.uses, c.last_used_at, c.stored_bytes,
  c.body IS NULL OR c.body_bytes = 0
    OR EXISTS (SELECT 1 FROM "{t}_chunk" WHERE id = c.body << 20),
  c.key, c.variant, c.stamp, c.method, c.url, c.status, c.content_type, c.body_bytes,
  c.created_at, c.expires_at, c.usable_until, c.serializer
  FROM "{t}" c"#;

/// Everything that a query asks for.
pub(super) fn scan(inner: &Arc<Inner>, query: Query) -> Items<Found> {
    match Scan::begin(inner, &query) {
        Ok(scan) => Box::new(Ahead { scan: Some(scan), pages: 0, rest: None }.flatten()),
        Err(e) => Box::new(std::iter::once(Err(e))),
    }
}

/// Pages that are read before whoever asks has taken those before; the first few are read
/// on the spot, so that short listings cost no thread.
const ON_THE_SPOT: usize = 2;
const READ_AHEAD: usize = 1;

/// A scan that is read by a thread of its own once it turns out to be long.
struct Ahead {
    scan: Option<Scan>,
    pages: usize,
    rest: Option<mpsc::Receiver<Vec<Result<Found>>>>,
}

impl Iterator for Ahead {
    type Item = Vec<Result<Found>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(rest) = &self.rest {
            return rest.recv().ok();
        }
        if self.pages < ON_THE_SPOT {
            self.pages += 1;
            return self.scan.as_mut()?.next();
        }
        let scan = self.scan.take()?;
        let (sender, receiver) = mpsc::sync_channel(READ_AHEAD);
        std::thread::spawn(move || {
            for page in scan {
                // A reader that has gone away ends the scan.
                if sender.send(page).is_err() {
                    return;
                }
            }
        });
        self.rest = Some(receiver);
        self.next()
    }
}

struct Scan {
    inner: Arc<Inner>,
    snapshot: Snapshot,
    detail: Detail,
    /// Selects the rows behind `?1`, or, sorted, those in a list.
    page: String,
    values: Vec<Value>,
    step: Step,
}

/// Where a scan stands.
enum Step {
    /// Behind this row.
    After(i64),
    /// At these rows, in this order.
    Sorted(std::vec::IntoIter<i64>),
    Done,
}

impl Scan {
    fn begin(inner: &Arc<Inner>, query: &Query) -> Result<Self> {
        let inner = Arc::clone(inner);
        let snapshot = Snapshot::of(&inner.database)?;
        let (conditions, mut values) = conditions(query);
        let what = if query.detail >= Detail::Head { STORED } else { COLUMNS };
        let rows = if query.detail >= Detail::Head { PAGE } else { PAGE_OF_COLUMNS };
        let sort = query.sort.filter(|sort| sort.limit <= MOST_SORTED);
        let (page, step) = match sort {
            Some(sort) => {
                let sql = inner.sql(&sorted(&conditions, sort));
                let rows = snapshot.read(|connection| ids(connection, &sql, &values))?;
                values.clear();
                (format!("SELECT {what} WHERE c.id = ?1"), Step::Sorted(rows.into_iter()))
            }
            None => {
                let after = snapshot.read(|connection| inner.row_after(connection, query))?;
                let page =
                    format!("SELECT {what} WHERE c.id > ?1{conditions} ORDER BY c.id LIMIT {rows}");
                (page, Step::After(after))
            }
        };
        let page = inner.sql(&page);
        let detail = query.detail;
        Ok(Scan { inner, snapshot, detail, page, values, step })
    }

    /// The next page, and where to go on behind it.
    fn rows(&mut self) -> Result<Vec<Result<Found>>> {
        let (inner, detail, page, values) = (&self.inner, self.detail, &self.page, &self.values);
        let mut found = Vec::new();
        match &mut self.step {
            Step::Done => {}
            Step::After(after) => {
                let last = self.snapshot.read(|connection| {
                    found.clear();
                    read(connection, inner, detail, page, *after, values, &mut found)
                })?;
                match last {
                    Some(last) => *after = last,
                    None => self.step = Step::Done,
                }
            }
            Step::Sorted(rows) => {
                let some: Vec<i64> = rows.as_slice().iter().copied().take(PAGE).collect();
                let taken = self.snapshot.read(|connection| {
                    found.clear();
                    for (i, &row) in some.iter().enumerate() {
                        read(connection, inner, detail, page, row, values, &mut found)?;
                        if found.iter().map(length).sum::<u64>() >= PAGE_BYTES {
                            return Ok(i + 1);
                        }
                    }
                    Ok(some.len())
                })?;
                rows.by_ref().take(taken).for_each(drop);
                if some.is_empty() {
                    self.step = Step::Done;
                }
            }
        }
        Ok(found)
    }
}

/// Reads a page of rows; gives the number of the last one.
fn read(
    connection: &Connection,
    inner: &Inner,
    detail: Detail,
    page: &str,
    first: i64,
    values: &[Value],
    found: &mut Vec<Result<Found>>,
) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached(page)?;
    let values = std::iter::once(Value::Integer(first)).chain(values.iter().cloned());
    let mut rows = statement.query(params_from_iter(values))?;
    let mut last: Option<i64> = None;
    let mut bytes = 0;
    while bytes < PAGE_BYTES {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            // The next page begins with the row that is too long.
            Err(e) if is_about_the_row(&e) && last.is_some() => break,
            Err(e) if is_about_the_row(&e) => {
                last = too_long(connection, inner, first)?;
                found.extend(last.map(|row| Err(odd_row(row, &e))));
                break;
            }
            Err(e) => return Err(e),
        };
        last = Some(row.get(0)?);
        let entry = match detail {
            Detail::Head | Detail::Body => match Stored::apart(row)? {
                Ok(stored) => stored.whole.then(|| stored.into_found(&inner.codec)),
                Err(e) => Some(Err(e)),
            },
            _ => match listed(row) {
                Err(e) if is_about_the_row(&e) => Some(Err(odd_row(row.get(0)?, &e))),
                listed => listed?.map(Ok),
            },
        };
        let position = Position(last.unwrap_or(0).unsigned_abs(), 0);
        bytes += entry.as_ref().map_or(0, length);
        found.extend(
            entry.map(|entry| entry.map(|found| Found { position: Some(position), ..found })),
        );
    }
    Ok(last)
}

/// The first row behind this one in which something is longer than anything in a row of ours.
fn too_long(connection: &Connection, inner: &Inner, after: i64) -> rusqlite::Result<Option<i64>> {
    let columns = [
        "key",
        "variant",
        "method",
        "url",
        "host",
        "status",
        "content_type",
        "body_bytes",
        "stored_bytes",
        "created_at",
        "expires_at",
        "usable_until",
        "uses",
        "last_used_at",
        "serializer",
        "stamp",
        "body",
    ];
    let is_long = columns.map(|column| format!("octet_length({column}) > {MAX_ROW}")).join(" OR ");
    let sql =
        format!(r#"SELECT id FROM "{{t}}" WHERE id > ?1 AND ({is_long}) ORDER BY id LIMIT 1"#);
    connection.prepare_cached(&inner.sql(&sql))?.query_row([after], |row| row.get(0)).optional()
}

/// About how much memory an entry takes.
fn length(entry: &Result<Found>) -> u64 {
    let Ok(found) = entry else { return 0 };
    let head = &found.head;
    let texts = head.id.key.len() + head.request.url.as_str().len();
    let fields = head.headers.text_bytes() + head.request.headers.text_bytes();
    (texts + fields + found.inline.as_ref().map_or(0, Bytes::len)) as u64
}

impl Iterator for Scan {
    type Item = Vec<Result<Found>>;

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.step, Step::Done) {
            return None;
        }
        let rows = self.rows().unwrap_or_else(|e| {
            self.step = Step::Done;
            vec![Err(e)]
        });
        Some(rows)
    }
}

/// An entry as far as the columns tell; `None` when its large body is gone.
fn listed(row: &Row<'_>) -> rusqlite::Result<Option<Found>> {
    if !row.get::<_, bool>(4)? {
        return Ok(None);
    }
    let (id, stamp) = id_of(row, 5)?;
    let time = |at: usize| row.get::<_, Option<i64>>(at).map(|ms| ms.map(Timestamp::from_millis));
    let number = |at: usize| row.get::<_, i64>(at).map(|n| n.max(0).unsigned_abs());
    let method = Method::verbatim(row.get_ref(8)?.as_str()?);
    let request = Request::new(method, UrlText::verbatim(row.get::<_, String>(9)?));
    let status = row.get(10)?;
    let mut headers = Headers::new();
    if let Some(kind) = row.get_ref(11)?.as_str_or_null()? {
        headers.push("content-type", kind);
    }
    let created_at = time(13)?.unwrap_or(Timestamp::EPOCH);
    let mut head = EntryHead::new(id, request, status, headers, created_at);
    head.body.bytes = number(12)?;
    head.expires_at = time(14)?;
    head.uses = number(1)?;
    head.last_used_at = time(2)?;
    head.serializer = row.get_ref(16)?.as_str_or_null()?.map(|name| {
        let known = SERIALIZER_NAMES.iter().find(|known| **known == name);
        known.map_or_else(|| name.to_owned().into(), |known| (*known).into())
    });
    let mut found = Found::whole(head, stamp, None, number(3)?);
    found.detail = Detail::Columns;
    found.usable_until = Some(time(15)?);
    Ok(Some(found))
}

/// The tests that SQL can make, behind an `AND`, and the values from `?2` on.
fn conditions(query: &Query) -> (String, Vec<Value>) {
    let mut text = String::new();
    let mut text_only = String::new();
    let mut values: Vec<Value> = Vec::new();
    let mut add = |test: &str, value: Value| {
        values.push(value);
        text.push_str(&format!(" AND {}", test.replace('?', &format!("?{}", values.len() + 1))));
    };
    if let Some(prefix) = &query.key_prefix {
        add("c.key >= ?", Value::Text(prefix.clone()));
        // Above every text that begins with the prefix.
        add("c.key < ?", Value::Text(format!("{prefix}\u{10ffff}")));
    }
    if query.detail == Detail::Key {
        // The variant that was stored first stands for its key.
        if let Some(after) = &query.after {
            add("c.key <> ?", Value::Text(after.id.key.clone()));
        }
        text_only.push_str(
            r#" AND NOT EXISTS (SELECT 1 FROM "{t}" d WHERE d.key = c.key AND d.id < c.id)"#,
        );
    }
    for bound in &query.bounds {
        match bound {
            Bound::Is(Column::Host, host) => {
                add("c.host = ? COLLATE NOCASE", Value::Text(host.clone()));
            }
            Bound::Is(column, wanted) => {
                add(&format!("c.{} = ?", name_of(*column)), Value::Text(wanted.clone()));
            }
            Bound::Between(column, low, high) => {
                let name = name_of(*column);
                for (end, sign) in [(low, ">="), (high, "<=")] {
                    if let Some(end) = end {
                        add(&format!("c.{name} {sign} ?"), Value::Integer(*end));
                    }
                }
            }
        }
    }
    (text + &text_only, values)
}

fn name_of(column: Column) -> &'static str {
    match column {
        Column::Status => "status",
        Column::Size => "body_bytes",
        Column::Stored => "stored_bytes",
        Column::Created => "created_at",
        Column::Expires => "expires_at",
        Column::Used => "last_used_at",
        Column::Uses => "uses",
        Column::Host => "host",
        Column::Url => "url",
    }
}

/// The rows in the order that is asked for; those without a value come last.
fn sorted(conditions: &str, sort: Sort) -> String {
    let column = match sort.by {
        Order::Stored => "c.stored_bytes",
        Order::Size => "c.body_bytes",
        Order::Created => "c.created_at",
        Order::Expires => "c.expires_at",
        Order::Uses => "c.uses",
        Order::Used => "c.last_used_at",
        Order::Status => "c.status",
        Order::Key => "c.key",
        Order::Url => "c.url",
        Order::Host => "c.host",
    };
    let way = if sort.descending { "DESC" } else { "ASC" };
    let first = conditions.strip_prefix(" AND ").map_or(String::new(), |c| format!("WHERE {c}"));
    // Where there is always a value, an index can give the order.
    let nulls = match sort.by {
        Order::Expires | Order::Used | Order::Host => " NULLS LAST",
        _ => "",
    };
    format!(
        r#"SELECT c.id FROM "{{t}}" c {first} ORDER BY {column} {way}{nulls}, c.id LIMIT {}"#,
        sort.limit
    )
}

fn ids(connection: &Connection, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<i64>> {
    // The conditions count their values from 2 on.
    let values = std::iter::once(Value::Null).chain(values.iter().cloned());
    let mut statement = connection.prepare(sql)?;
    let given = statement.parameter_count();
    let rows = statement.query_map(params_from_iter(values.take(given)), |row| row.get(0))?;
    rows.collect()
}

impl Inner {
    /// The row behind which a scan begins.
    fn row_after(&self, connection: &Connection, query: &Query) -> rusqlite::Result<i64> {
        let Some(after) = &query.after else { return Ok(i64::MIN) };
        if let Some(Position(row, _)) = after.position {
            return Ok(i64::try_from(row).unwrap_or(i64::MAX));
        }
        let sql = self.sql(r#"SELECT id FROM "{t}" WHERE key = ?1 AND variant = ?2"#);
        let row = connection
            .query_row(&sql, [&*after.id.key, after.id.variant.as_str()], |row| row.get(0));
        Ok(row.optional()?.unwrap_or(i64::MIN))
    }
}
