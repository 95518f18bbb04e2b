//! A small honest relay: one device of ann's, bob's messages, the rules of the exchange that an agent can see.

use wire::{
    Answered, BodyReader, BodyWriter, Codec, ConversationRef, Cursors, Deliveries, Delivery, Entry,
    ForkWhy, Forked, Frame, HeldKind, HeldRow, Hello, Item, Lane, Latest, Limits, Mark,
    MemberState, Name, Refusal, Run, Stop, StopReason, Submit, Submits, Welcome, check_of, kind,
};

use super::{BOB, BOBS_DEVICE, ME, MY_DEVICE};

/// What the relay knows of one of ann's devices.
#[derive(Clone, Debug, Default)]
pub(super) struct Device {
    pub(super) x: u64,
    pub(super) k: u64,
    pub(super) told: u64,
    pub(super) cursors: Cursors,
    pub(super) outcomes: Vec<(u64, Run)>,
    pub(super) items: Vec<(u64, Submit)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Relay {
    pub(super) devices: std::collections::BTreeMap<u64, Device>,
    /// Tokens of devices made after a fork.
    pub(super) tokens: std::collections::BTreeMap<String, u64>,
    pub(super) position: u64,
    pub(super) c: u64,
    pub(super) bobs_n: u64,
    pub(super) latest: Vec<(u64, Entry)>,
    pub(super) urgent: Vec<Delivery>,
    pub(super) ordinary: Vec<Delivery>,
    pub(super) placed: Vec<(u64, Name, Submit)>,
    pub(super) conversations: Vec<(u64, Name)>,
    pub(super) marks: Vec<Mark>,
    pub(super) limits: Option<Limits>,
    /// Refuses texts that hold this.
    pub(super) refuses: Option<String>,
    /// Answers items with `Stop` after so many.
    pub(super) stops_after: Option<u64>,
    /// Frames to put behind `Welcome`.
    pub(super) odd: Vec<Frame>,
    /// Every request's frames, packet by packet.
    pub(super) requests: Vec<Vec<Vec<Frame>>>,
}

impl Relay {
    pub(super) fn with_bob() -> Self {
        let mut relay = Self { position: 100, c: 1000, ..Self::default() };
        relay.devices.insert(MY_DEVICE, Device::default());
        relay.conversations.push((50, Name { device: BOBS_DEVICE, n: 900 }));
        relay.tell(Entry::Contact { account: BOB, name: "bob".into(), blocked: false });
        relay.tell_conversation(50, Name { device: BOBS_DEVICE, n: 900 }, MemberState::Member);
        relay
    }

    pub(super) fn tell(&mut self, entry: Entry) {
        self.position += 1;
        self.latest.push((self.position, entry));
    }

    pub(super) fn tell_conversation(&mut self, number: u64, founded: Name, bobs: MemberState) {
        self.tell(Entry::Conversation {
            number,
            founded,
            pair: true,
            title: String::new(),
            version: 1,
            mine: MemberState::Member,
            inviter: ME,
            inviter_name: "ann".into(),
            greeting: String::new(),
        });
        for (account, name, state) in [(ME, "ann", MemberState::Member), (BOB, "bob", bobs)] {
            self.tell(Entry::Member {
                conversation: number,
                account,
                name: name.into(),
                state,
                version: 1,
            });
        }
    }

    pub(super) fn bob_says(&mut self, text: &str) {
        self.bobs_n += 1;
        self.bob_sends(self.bobs_n, &Item::Text(text.into()), Lane::Ordinary);
    }

    pub(super) fn bob_sends(&mut self, n: u64, item: &Item, lane: Lane) {
        self.position += 1;
        self.c += 1;
        let delivery = Delivery {
            position: self.position,
            conversation: 50,
            author: BOBS_DEVICE,
            account: BOB,
            n,
            c: self.c,
            kind: item.kind(),
            age_s: 60,
            body: item.body(),
        };
        if lane == Lane::Urgent { self.urgent.push(delivery) } else { self.ordinary.push(delivery) }
    }

    pub(super) fn mine(&self) -> &Device {
        &self.devices[&MY_DEVICE]
    }

    /// Texts of ann's that have a place, in order.
    pub(super) fn texts(&self) -> Vec<String> {
        let texts = self.placed.iter().filter(|(.., submit)| submit.kind == kind::TEXT);
        texts.map(|(.., submit)| String::from_utf8(submit.body.clone()).unwrap()).collect()
    }

    /// Takes what is whole of a request, and answers it if it is whole to its end.
    pub(super) fn exchange(&mut self, device: u64, request: &[u8]) -> Option<Vec<u8>> {
        let mut reader = BodyReader::new();
        reader.push(request);
        let mut packets = Vec::new();
        while let Ok(Some(packet)) = reader.next() {
            packets.push(packet.frames);
        }
        self.requests.push(packets.clone());
        let Some(Frame::Hello(hello)) = packets.first().and_then(|frames| frames.first()).cloned()
        else {
            return None;
        };
        if let Some(why) = self.fork(device, &hello, &packets) {
            return Some(
                self.write(&[vec![Frame::Forked(Forked { x: hello.x, why }), Frame::Done]]),
            );
        }
        let is_new = self.devices[&device].x < hello.x;
        let mut stop = None;
        if is_new {
            let state = self.devices.get_mut(&device).unwrap();
            state.x = hello.x;
            state.told = hello.told.min(state.k);
            state.cursors = hello.cursors;
            let told = state.told;
            state.outcomes.retain(|(n, _)| told < *n);
            for frame in packets.iter().flatten() {
                match frame {
                    Frame::Marks(marks) => self.marks.extend(marks),
                    Frame::Submits(submits) => stop = stop.or(self.take(device, submits)),
                    _ => {}
                }
            }
        }
        let is_whole = packets.last().is_some_and(|frames| frames.last() == Some(&Frame::End));
        is_whole.then(|| self.answer(device, &hello, stop))
    }

    fn fork(&self, device: u64, hello: &Hello, packets: &[Vec<Frame>]) -> Option<ForkWhy> {
        let state = &self.devices[&device];
        if hello.x < state.x {
            return Some(ForkWhy::StaleAttempt);
        }
        let went_back =
            Lane::ALL.iter().any(|lane| hello.cursors.of(*lane) < state.cursors.of(*lane));
        match () {
            () if hello.told < state.told => Some(ForkWhy::ToldWentBack),
            () if went_back => Some(ForkWhy::CursorWentBack),
            () if packets.iter().flatten().any(|frame| has_other_bytes(state, frame)) => {
                Some(ForkWhy::OtherBytes)
            }
            () => None,
        }
    }

    fn take(&mut self, device: u64, submits: &Submits) -> Option<Stop> {
        let stop = |reason| Some(Stop { reason, words: "not now".into(), retry_after_s: 30 });
        for (n, submit) in (submits.first..).zip(&submits.items) {
            let k = self.devices[&device].k;
            if n <= k {
                continue;
            }
            if k + 1 < n {
                return stop(StopReason::BadSequence);
            }
            if self.stops_after.is_some_and(|most| most <= k) {
                return stop(StopReason::Rate);
            }
            let run = self.outcome(Name { device, n }, submit);
            let state = self.devices.get_mut(&device).unwrap();
            state.k = n;
            state.outcomes.push((n, run));
            state.items.push((n, submit.clone()));
        }
        None
    }

    fn outcome(&mut self, name: Name, submit: &Submit) -> Run {
        let number = match submit.conversation {
            ConversationRef::Number(number) => Some(number),
            ConversationRef::Founded(founded) => {
                self.conversations.iter().find(|c| c.1 == founded).map(|c| c.0)
            }
            ConversationRef::None => None,
        };
        match submit.kind {
            kind::REQUEST => {
                self.position += 16;
                let number = self.position;
                self.conversations.push((number, name));
                self.tell_conversation(number, name, MemberState::Member);
                Run::Founded { conversation: number }
            }
            kind if !Item::is_content(kind) => Run::Done { count: 1 },
            _ if !self.conversations.iter().any(|c| Some(c.0) == number) => Run::Refused {
                reason: Refusal::NoSuchConversation,
                words: "no such conversation".into(),
            },
            _ if self
                .refuses
                .as_ref()
                .is_some_and(|text| submit.body.starts_with(text.as_bytes())) =>
            {
                Run::Refused { reason: Refusal::Full, words: "bob's mailbox is full".into() }
            }
            _ => {
                self.c += 1;
                self.placed.push((self.c, name, submit.clone()));
                Run::Placed { count: 1, conversation: number.unwrap(), c: self.c }
            }
        }
    }

    fn answer(&self, device: u64, hello: &Hello, stop: Option<Stop>) -> Vec<u8> {
        let state = &self.devices[&device];
        let mut frames = vec![Frame::Welcome(Welcome {
            x: hello.x,
            now_s: u64::try_from(super::NOW).unwrap(),
            k: state.k,
            limits: self.limits.clone().filter(|limits| limits.tag != hello.limits_tag),
        })];
        let in_doubt = state.items.iter().filter(|(n, _)| hello.told < *n);
        if hello.pending && hello.told < state.k {
            frames.push(Frame::Check(check_of(in_doubt.map(|(_, submit)| submit.hash()))));
        }
        let runs: Vec<_> = state
            .outcomes
            .iter()
            .filter(|(n, _)| hello.told < *n)
            .map(|(_, run)| run.clone())
            .collect();
        if !runs.is_empty() {
            frames.push(Frame::Answered(Answered { first: hello.told + 1, runs }));
        }
        frames.extend(self.odd.iter().cloned());
        frames.extend(stop.map(Frame::Stop));
        let mut packets = vec![frames];
        for (position, entry) in &self.latest {
            if hello.lanes.contains(Lane::Latest) && hello.cursors.latest < *position {
                packets.push(vec![Frame::Latest(Latest {
                    entries: vec![(*position, entry.clone())],
                })]);
            }
        }
        for (lane, log) in [(Lane::Urgent, &self.urgent), (Lane::Ordinary, &self.ordinary)] {
            let wanted = log.iter().filter(|entry| hello.cursors.of(lane) < entry.position);
            let wanted: Vec<_> = wanted.filter(|_| hello.lanes.contains(lane)).cloned().collect();
            packets.extend(wanted.chunks(3).map(|chunk| {
                vec![Frame::Deliveries(Deliveries { lane, entries: chunk.to_vec() })]
            }));
        }
        self.within(packets, hello)
    }

    /// As many packets as the device can take, and the end.
    fn within(&self, packets: Vec<Vec<Frame>>, hello: &Hello) -> Vec<u8> {
        let take = if hello.take == 0 { usize::MAX } else { hello.take as usize };
        let (mut sent, mut held) = (Vec::new(), 0);
        for packet in packets {
            sent.push(packet.clone());
            if held != 0 || take < self.write(&sent).len() + 64 {
                sent.pop();
                held += packet.iter().map(rows).sum::<u32>();
            }
        }
        // Who wants no lane is told of all.
        let left_out = |log: &[Delivery], lane| {
            log.iter().filter(|entry| hello.cursors.of(lane) < entry.position).count()
        };
        if hello.lanes.is_empty() {
            let count =
                left_out(&self.urgent, Lane::Urgent) + left_out(&self.ordinary, Lane::Ordinary);
            held += u32::try_from(count).unwrap();
        }
        let mut last = Vec::new();
        if held != 0 {
            last.push(Frame::Held(vec![HeldRow {
                lane: Lane::Ordinary,
                kind: HeldKind::Message,
                count: held,
                bytes: 10,
                first: 10,
            }]));
        }
        last.push(Frame::Done);
        match sent.last_mut() {
            Some(frames) if sent_one(frames) => frames.extend(last),
            _ => sent.push(last),
        }
        self.write(&sent)
    }

    #[expect(clippy::unused_self, reason = "a relay writes")]
    pub(super) fn write(&self, packets: &[Vec<Frame>]) -> Vec<u8> {
        let mut writer = BodyWriter::new(Codec::Zstd);
        let mut body = writer.preamble().to_vec();
        for frames in packets {
            body.extend(writer.packet(frames).unwrap());
        }
        body
    }

    pub(super) fn new_device(&mut self, token: &str, cursors: Cursors) -> u64 {
        if let Some(device) = self.tokens.get(token) {
            return *device;
        }
        let device = 3000 + self.tokens.len() as u64;
        self.tokens.insert(token.to_owned(), device);
        self.devices.insert(device, Device { cursors, ..Device::default() });
        device
    }
}

fn has_other_bytes(state: &Device, frame: &Frame) -> bool {
    let Frame::Submits(submits) = frame else { return false };
    (submits.first..).zip(&submits.items).any(|(n, submit)| {
        let known = state.items.iter().find(|(known, _)| *known == n);
        known.is_some_and(|(_, known)| (known.kind, &known.body) != (submit.kind, &submit.body))
    })
}

fn sent_one(frames: &[Frame]) -> bool {
    matches!(frames.first(), Some(Frame::Welcome(_)))
}

fn rows(frame: &Frame) -> u32 {
    let count = match frame {
        Frame::Deliveries(deliveries) => deliveries.entries.len(),
        Frame::Latest(latest) => latest.entries.len(),
        _ => 0,
    };
    u32::try_from(count).unwrap()
}

/// The `Hello` of a request.
pub(super) fn hello(request: &[Vec<Frame>]) -> &Hello {
    match &request[0][0] {
        Frame::Hello(hello) => hello,
        other => panic!("no Hello: {other:?}"),
    }
}

/// How many items a request carries.
pub(super) fn submits(request: &[Vec<Frame>]) -> usize {
    let count = request.iter().flatten().map(|frame| match frame {
        Frame::Submits(submits) => submits.items.len(),
        _ => 0,
    });
    count.sum()
}
