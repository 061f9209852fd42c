//! A cache without a store: a list of heads, a clock, and the engine.

use std::time::Duration;

use cachectl::policy::{
    Absorbed, Decision, Demands, Exchange, Forward, Plan, Received, Reply, absorb, current_age,
    plan, reply,
};
use cachectl::{
    BodyFacts, EntryHead, Extensions, Headers, Method, Request, RequestOptions, Settings,
    Timestamp, UrlText,
};

pub const URL: &str = "https://example.org/a";

/// Where all stories begin.
pub const START: &str = "2026-11-22T12:00:00Z";

#[derive(Clone)]
pub struct World {
    pub now: Timestamp,
    pub settings: Settings,
    pub options: RequestOptions,
    pub entries: Vec<EntryHead>,
    pub ttl: Option<Duration>,
}

/// `Name: value` lines.
pub fn fields(text: &str) -> Headers {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (name, value) = line.split_once(':').expect("a colon");
            (name.trim().to_owned(), value.trim().to_owned())
        })
        .collect()
}

pub fn request(method: &str, text: &str) -> Request {
    let mut request = Request::new(Method::verbatim(method), UrlText::parse(URL).expect("a URL"));
    request.headers = fields(text);
    request
}

/// An HTTP date so many seconds after the start (or before it).
pub fn date(secs: i64) -> String {
    let start = Timestamp::parse_rfc3339(START).expect("a time");
    let time = Timestamp::from_secs(start.secs() + secs);
    let c = time.civil();
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (day, month) = (DAYS[c.weekday()], MONTHS[c.month as usize - 1]);
    let Civil { year, day: date, hour, minute, second, .. } = c;
    format!("{day}, {date:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

use cachectl::model::Civil;

impl World {
    pub fn private() -> Self {
        World {
            now: Timestamp::parse_rfc3339(START).expect("a time"),
            settings: Settings::default(),
            options: RequestOptions::default(),
            entries: Vec::new(),
            ttl: None,
        }
    }

    pub fn shared() -> Self {
        let mut world = Self::private();
        world.settings.shared = true;
        world
    }

    pub fn pass(&mut self, secs: u64) -> &mut Self {
        self.now = self.now + Duration::from_secs(secs);
        self
    }

    pub fn decide(&self, request: &Request) -> Decision {
        plan(request, &self.entries, self.now, &self.settings, &self.options)
    }

    /// What is decided about GET with these fields, in a word: `hit`, what allows a stale
    /// answer, why it is forwarded, or `refuse`.
    pub fn ask(&self, text: &str) -> String {
        word(&self.decide(&request("GET", text)))
    }

    /// The codes of the reasons for that.
    pub fn reasons(&self, text: &str) -> Vec<&'static str> {
        self.decide(&request("GET", text)).reasons.iter().map(|r| r.code()).collect()
    }

    pub fn forward(&self, request: &Request) -> Forward {
        match self.decide(request).plan {
            Plan::Forward(forward) => forward,
            other => panic!("not forwarded: {other:?}"),
        }
    }

    /// GET with no fields goes to the origin, which answers so; gives `stored`, the code
    /// of the reason why not, or what became of a 304.
    pub fn fetch(&mut self, status: u16, response: &str) -> String {
        self.exchange(&request("GET", ""), status, response)
    }

    /// A request goes to the origin whatever is stored, and what comes back is absorbed.
    pub fn exchange(&mut self, request: &Request, status: u16, response: &str) -> String {
        let decision = self.decide(request);
        let forward = match &decision.plan {
            Plan::Forward(forward) => forward.clone(),
            _ => {
                let refresh = RequestOptions { refresh: true, ..self.options.clone() };
                let again = plan(request, &self.entries, self.now, &self.settings, &refresh);
                let Plan::Forward(forward) = again.plan else { panic!("refused") };
                forward
            }
        };
        self.absorb(request, &decision, &forward, status, &fields(response))
    }

    pub fn absorb(
        &mut self,
        request: &Request,
        decision: &Decision,
        forward: &Forward,
        status: u16,
        headers: &Headers,
    ) -> String {
        let mut headers = headers.clone();
        if headers.contains("no-date") {
            headers.remove("no-date");
        } else if !headers.contains("date") {
            let start = Timestamp::parse_rfc3339(START).expect("a time");
            headers.push("Date", date(self.now.secs() - start.secs()));
        }
        let received = Received {
            status,
            headers,
            extensions: Extensions::default(),
            requested_at: self.now,
            received_at: self.now,
        };
        let demands = Demands::of(&request.headers, &self.options);
        let exchange = Exchange {
            request,
            key: "key",
            partition: "",
            decision,
            forward,
            candidates: &self.entries,
            settings: &self.settings,
            demands: &demands,
            ttl: self.ttl,
        };
        let absorbed = absorb(&exchange, &received);
        self.apply(absorbed)
    }

    /// Does to the list what a store would do.
    fn apply(&mut self, absorbed: Absorbed) -> String {
        match absorbed {
            Absorbed::AskAgain => "ask-again".to_owned(),
            Absorbed::ServeStale { because, .. } => because.name().to_owned(),
            Absorbed::NotModified { update, remove, .. } => {
                let updated = update.len();
                self.write(update, remove);
                format!("updated {updated}")
            }
            Absorbed::Deliver(delivery) => {
                let outcome = delivery.not_stored.map_or("stored", |reason| reason.code());
                self.write(delivery.update, delivery.remove);
                if let Some(mut head) = delivery.store {
                    head.body = BodyFacts::of(b"0123456789");
                    self.entries.retain(|e| e.id != head.id);
                    self.entries.push(*head);
                }
                outcome.to_owned()
            }
        }
    }

    fn write(&mut self, update: Vec<(usize, EntryHead)>, remove: Vec<usize>) {
        for (place, head) in update {
            self.entries[place] = head;
        }
        let mut place = 0;
        self.entries.retain(|_| {
            place += 1;
            !remove.contains(&(place - 1))
        });
    }

    /// The answer that the only entry gives now.
    pub fn reply(&self, request: &Request) -> Reply {
        let [head] = &self.entries[..] else { panic!("{} entries", self.entries.len()) };
        reply(request, head, current_age(head, self.now), false)
    }

    /// A field of the only entry.
    pub fn field(&self, name: &str) -> Option<String> {
        let [head] = &self.entries[..] else { panic!("{} entries", self.entries.len()) };
        head.headers.joined(name).map(|v| String::from_utf8_lossy(&v).into_owned())
    }
}

fn word(decision: &Decision) -> String {
    match &decision.plan {
        Plan::Answer(answer) => answer.stale.map_or("hit", |because| because.name()).to_owned(),
        Plan::Forward(forward) => forward.why.token().to_owned(),
        Plan::Refuse => "refuse".to_owned(),
    }
}

/// A world in which this response was stored for GET at the start.
pub fn stored(response: &str) -> World {
    let mut world = World::private();
    assert_eq!(world.fetch(200, response), "stored", "{response}");
    world
}
