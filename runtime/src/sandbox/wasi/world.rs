//! What a guest finds when it looks around: a clock that stands, bytes that look random, two streams to write to.

use crate::sandbox::Record;
use crate::tahoe::Hash;
use crate::verdict::LogLevel;

/// Time, randomness and output of one call. The default is the world of `describe`, which has no record: time 0, and
/// always the same bytes.
#[derive(Default)]
pub(in crate::sandbox) struct World {
    /// Seconds and nanoseconds.
    wall: (u64, u32),
    /// Nanoseconds.
    monotonic: u64,
    seed: [u8; 32],
    /// Blocks of random bytes that were made.
    blocks: u64,
    /// Random bytes that were given.
    random: u64,
    stdout: Line,
    stderr: Line,
}

/// Where a guest writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    /// What stands for it in a handle.
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::Stdout => 1,
            Self::Stderr => 2,
        }
    }

    /// Handles are made here alone, so there are no other numbers.
    pub(super) const fn of(number: u32) -> Self {
        if number == Self::Stdout.number() { Self::Stdout } else { Self::Stderr }
    }

    const fn level(self) -> LogLevel {
        match self {
            Self::Stdout => LogLevel::Info,
            Self::Stderr => LogLevel::Warn,
        }
    }
}

/// The beginning of a line that has not ended yet.
#[derive(Default)]
struct Line {
    kept: Vec<u8>,
    begun: bool,
}

/// A line that is complete, with what it counts for.
pub(in crate::sandbox) type Said = (LogLevel, String);

impl World {
    /// The world of a record.
    pub(in crate::sandbox) fn of(record: &Record<'_>) -> Self {
        // From seconds that are not negative and finite; anything else is cut to what the types hold.
        let seconds = record.received_at as u64;
        let nanoseconds = ((record.received_at - seconds as f64) * 1e9).round().clamp(0.0, 999_999_999.0) as u32;
        let length = |text: &str| (text.len() as u64).to_le_bytes();
        let seed = Hash::of(&[
            &length(record.sub_type),
            record.sub_type.as_bytes(),
            &length(record.timezone),
            record.timezone.as_bytes(),
            &record.received_at.to_bits().to_le_bytes(),
            record.data.as_bytes(),
        ]);
        Self {
            wall: (seconds, nanoseconds),
            monotonic: seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds.into()),
            seed: *seed.as_bytes(),
            ..Self::default()
        }
    }

    /// Seconds and nanoseconds since 1970: when the record arrived, and it stays so.
    pub(super) const fn wall(&self) -> (u64, u32) {
        self.wall
    }

    /// Nanoseconds: when the record arrived, or the latest instant that the guest wanted to wait for.
    pub(super) const fn monotonic(&self) -> u64 {
        self.monotonic
    }

    /// A guest wants to wait for that instant. It has come: whoever waits in a loop until it has would loop for ever
    /// otherwise.
    pub(super) fn wait(&mut self, instant: u64) {
        self.monotonic = self.monotonic.max(instant);
    }

    /// How many random bytes were given once these are.
    pub(in crate::sandbox) const fn random_after(&self, count: u64) -> u64 {
        self.random.saturating_add(count)
    }

    /// The next random bytes, which are those of every other call with this record: SHA-256 of seed and number of the
    /// block, so that they depend on no library's choice of a generator.
    pub(super) fn random(&mut self, count: usize) -> Vec<u8> {
        self.random = self.random_after(count as u64);
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            let block = Hash::of(&[&self.seed, &self.blocks.to_le_bytes()]);
            self.blocks = self.blocks.wrapping_add(1);
            bytes.extend(block.as_bytes().iter().take(count - bytes.len()));
        }
        bytes
    }

    /// Eight random bytes.
    pub(super) fn random_u64(&mut self) -> u64 {
        self.random(8).into_iter().fold(0, |number, byte| number << 8 | u64::from(byte))
    }

    /// Takes what a guest writes; `say` gets each line that is complete by it. Of a line no more is kept than a little
    /// more than `most` bytes, so that whoever cuts it to `most` finds whole characters.
    pub(in crate::sandbox) fn write(&mut self, stream: Stream, bytes: &[u8], most: usize, mut say: impl FnMut(Said)) {
        let line = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let room = most.saturating_add(4).saturating_sub(line.kept.len());
            line.kept.extend(piece.iter().take(room));
            line.begun |= !piece.is_empty();
            if pieces.peek().is_some() {
                say((stream.level(), std::mem::take(line).text()));
            }
        }
    }

    /// What stands in lines that the guest did not end.
    pub(in crate::sandbox) fn rest(self) -> impl Iterator<Item = Said> {
        [(Stream::Stdout, self.stdout), (Stream::Stderr, self.stderr)]
            .into_iter()
            .filter(|(_, line)| line.begun)
            .map(|(stream, line)| (stream.level(), line.text()))
    }
}

impl Line {
    fn text(self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(data: &str, received_at: f64) -> World {
        World::of(&Record { sub_type: "cowrie", data, timezone: "UTC", received_at })
    }

    #[test]
    fn the_clock_stands_at_the_time_of_arrival_and_a_wait_is_over_at_once() {
        let mut world = record("{}", 1_767_225_600.25);
        assert_eq!(world.wall(), (1_767_225_600, 250_000_000));
        assert_eq!(world.monotonic(), 1_767_225_600_250_000_000);
        world.wait(1_767_229_200_250_000_000);
        world.wait(7);
        assert_eq!((world.wall().0, world.monotonic()), (1_767_225_600, 1_767_229_200_250_000_000));
        for (odd, wall) in
            [(-1.5, (0, 0)), (f64::NAN, (0, 0)), (f64::INFINITY, (u64::MAX, 0)), (0.999_999_999_9, (0, 999_999_999))]
        {
            assert_eq!(record("{}", odd).wall().0, wall.0, "{odd}");
        }
    }

    #[test]
    fn random_bytes_follow_from_the_record_and_do_not_repeat() {
        let (mut one, mut same, mut other) = (record("{}", 1.0), record("{}", 1.0), record("{ }", 1.0));
        let first = one.random(100);
        assert_eq!((first.len(), &first), (100, &same.random(100)));
        assert_ne!(first, other.random(100));
        assert_ne!(first, record("{}", 2.0).random(100));
        assert_ne!(one.random_u64(), one.random_u64());
        assert_eq!(one.random_after(4), 120);
        // Pinned: an answer that was made years ago must come out again.
        assert_eq!(hex::encode(World::default().random(8)), "2c34ce1df23b838c");
    }

    #[test]
    fn output_becomes_lines_cut_to_their_length() {
        let mut world = World::default();
        let mut said = Vec::new();
        for (stream, bytes) in [
            (Stream::Stdout, &b"one\ntw"[..]),
            (Stream::Stderr, b"panic"),
            (Stream::Stdout, b"o\n\nthree hundred"),
            (Stream::Stdout, b"\xff\n"),
        ] {
            world.write(stream, bytes, 8, |line| said.push(line));
        }
        let info = |text: &str| (LogLevel::Info, text.to_owned());
        assert_eq!(said, [info("one"), info("two"), info(""), info("three hundre")]);
        assert_eq!(world.rest().collect::<Vec<_>>(), [(LogLevel::Warn, "panic".to_owned())]);
    }
}
