//! What waits to be fetched, a lane for each host, so that a long lane holds up no other.

use std::collections::{HashMap, VecDeque};

use crate::model::Request;

/// Requests that wait, by host.
pub(super) struct Lanes {
    lanes: HashMap<String, Lane>,
    /// Hosts of which something may be started, each once.
    ready: VecDeque<String>,
    waiting: usize,
    /// How many of one host may be under way.
    width: usize,
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Request>,
    started: usize,
    is_ready: bool,
}

impl Lanes {
    pub(super) fn new(width: usize) -> Self {
        Lanes { lanes: HashMap::new(), ready: VecDeque::new(), waiting: 0, width: width.max(1) }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn add(&mut self, request: Request) {
        let host = request.url.authority().unwrap_or_default().to_owned();
        self.lanes.entry(host.clone()).or_default().waiting.push_back(request);
        self.waiting += 1;
        self.call(&host);
    }

    /// The next one to start, from each lane in turn.
    pub(super) fn next(&mut self) -> Option<(String, Request)> {
        let host = self.ready.pop_front()?;
        let lane = self.lanes.get_mut(&host)?;
        lane.is_ready = false;
        let request = lane.waiting.pop_front()?;
        lane.started += 1;
        self.waiting -= 1;
        self.call(&host);
        Some((host, request))
    }

    /// One that was started is over.
    pub(super) fn leave(&mut self, host: &str) {
        let Some(lane) = self.lanes.get_mut(host) else { return };
        lane.started -= 1;
        if lane.started == 0 && lane.waiting.is_empty() {
            self.lanes.remove(host);
        } else {
            self.call(host);
        }
    }

    /// Lines a host up, if something of it may be started.
    fn call(&mut self, host: &str) {
        let Some(lane) = self.lanes.get_mut(host) else { return };
        if !lane.is_ready && lane.started < self.width && !lane.waiting.is_empty() {
            lane.is_ready = true;
            self.ready.push_back(host.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Method, UrlText};

    fn add(lanes: &mut Lanes, url: &str) {
        lanes.add(Request::new(Method::GET, UrlText::verbatim(url)));
    }

    #[test]
    fn a_long_lane_does_not_hold_up_the_others() {
        let mut lanes = Lanes::new(2);
        for i in 0..5 {
            add(&mut lanes, &format!("http://a/{i}"));
        }
        add(&mut lanes, "http://b/0");
        let mut started = Vec::new();
        while let Some((_, request)) = lanes.next() {
            started.push(request.url.to_string());
        }
        assert_eq!(started, ["http://a/0", "http://b/0", "http://a/1"]);
        assert_eq!(lanes.waiting(), 3);
        lanes.leave("b");
        assert!(lanes.next().is_none(), "the lane is as wide as it may be");
        lanes.leave("a");
        assert_eq!(lanes.next().unwrap().1.url.as_str(), "http://a/2");
    }
}
