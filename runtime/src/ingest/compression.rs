//! Unpacking gzip and bzip2 while reading, with caps: a small file must not become unbounded work.
//!
//! What a file is packed with is told by its first bytes, never by its name. Files of several members (gzip) or
//! streams (bzip2), as made by appending or by parallel packers, are one text. What comes out is not unpacked again.

use std::io::{self, BufRead, ErrorKind, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;

/// The most bytes that a file may unpack to.
const MAX_UNPACKED: u64 = 4 * 1024 * 1024 * 1024;

/// A file may unpack to so many times its size. Feeds and logs reach 10 to 100; zeros in gzip reach 1,030, in bzip2
/// a million.
const MAX_RATIO: u64 = 500;

/// So many bytes are unpacked before the ratio counts.
const RATIO_FROM: u64 = 64 * 1024 * 1024;

/// What a file is packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Bzip2,
}

impl Packing {
    /// How many bytes of a file tell.
    pub(super) const MAGIC: u64 = 10;

    /// By the first bytes of a file.
    pub(super) fn of(prefix: &[u8]) -> Option<Self> {
        let level = prefix.get(3).is_some_and(|byte| (b'1'..=b'9').contains(byte));
        // The head of a block, or of the end of a stream without any: a text may begin with `BZh9`.
        let block = prefix.get(4..10).is_some_and(|magic| magic == b"1AY&SY" || magic == b"\x17\x72\x45\x38\x50\x90");
        if prefix.starts_with(b"\x1f\x8b") {
            Some(Self::Gzip)
        } else if prefix.starts_with(b"BZh") && level && block {
            Some(Self::Bzip2)
        } else {
            None
        }
    }

    /// As people write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
        }
    }
}

/// How much may come out of a file.
#[derive(Clone, Copy, Debug)]
struct Caps {
    unpacked: u64,
    ratio: u64,
    ratio_from: u64,
}

/// Unpacks to nowhere, to see whether it can be done. The checksums come behind what they are of: damaged data look
/// sound until then, and what was made of them would be in the archive. Data that are cut off are passed: what is
/// there is right, as far as it can be told.
pub(super) fn check(packing: Packing, packed: impl BufRead) -> io::Result<()> {
    match io::copy(&mut Unpacking::new(packing, packed), &mut io::sink()) {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(()),
    }
}

/// The text of a packed file.
pub(super) struct Unpacking<R> {
    packing: Packing,
    decoder: Decoder<R>,
    caps: Caps,
    unpacked: u64,
}

enum Decoder<R> {
    Gzip(MultiGzDecoder<Consumed<R>>),
    Bzip2(MultiBzDecoder<Consumed<R>>),
}

impl<R: BufRead> Unpacking<R> {
    /// Unpacks what `packed` holds from its first byte on.
    pub(super) fn new(packing: Packing, packed: R) -> Self {
        Self::with_caps(packing, packed, Caps { unpacked: MAX_UNPACKED, ratio: MAX_RATIO, ratio_from: RATIO_FROM })
    }

    fn with_caps(packing: Packing, packed: R, caps: Caps) -> Self {
        let packed = Consumed { reader: packed, bytes: 0 };
        let decoder = match packing {
            Packing::Gzip => Decoder::Gzip(MultiGzDecoder::new(packed)),
            Packing::Bzip2 => Decoder::Bzip2(MultiBzDecoder::new(packed)),
        };
        Self { packing, decoder, caps, unpacked: 0 }
    }

    /// How many bytes of the file went into what came out.
    fn consumed(&self) -> u64 {
        match &self.decoder {
            Decoder::Gzip(decoder) => decoder.get_ref().bytes,
            Decoder::Bzip2(decoder) => decoder.get_ref().bytes,
        }
    }

    fn check(&self) -> io::Result<()> {
        let Caps { unpacked, ratio, ratio_from } = self.caps;
        let name = self.packing.name();
        if self.unpacked > unpacked {
            return Err(io::Error::other(format!(
                "the {name} data unpack to more than {unpacked} bytes: unpack the file yourself, and split it"
            )));
        }
        if self.unpacked > ratio_from && self.unpacked / ratio > self.consumed() {
            return Err(io::Error::other(format!(
                "the {name} data unpack to more than {ratio} times their size, as a bomb does: unpack the file yourself if you \
                 trust it"
            )));
        }
        Ok(())
    }

    /// An error of the decoder with where it happened; one of the disk as it is.
    fn explain(&self, error: io::Error) -> io::Error {
        if error.raw_os_error().is_some() || error.kind() == ErrorKind::Interrupted {
            return error;
        }
        let (name, at, unpacked) = (self.packing.name(), self.consumed(), self.unpacked);
        let what = match error.kind() {
            ErrorKind::UnexpectedEof => format!("the {name} data are cut off at byte {at} of the file"),
            _ => format!("the {name} data are damaged near byte {at} of the file ({error})"),
        };
        io::Error::new(error.kind(), format!("{what}, after {unpacked} bytes were unpacked"))
    }
}

impl<R: BufRead> Read for Unpacking<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.read(buffer),
            Decoder::Bzip2(decoder) => decoder.read(buffer),
        };
        let read = read.map_err(|error| self.explain(error))?;
        self.unpacked += read as u64;
        self.check()?;
        Ok(read)
    }
}

/// Counts what is consumed, not what is read ahead.
struct Consumed<R> {
    reader: R,
    bytes: u64,
}

impl<R: BufRead> Read for Consumed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Consumed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.reader.consume(bytes);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{BufReader, Write as _};

    use super::*;

    pub(in crate::ingest) const BOTH: [Packing; 2] = [Packing::Gzip, Packing::Bzip2];

    /// A text, packed.
    pub(in crate::ingest) fn pack(packing: Packing, text: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    /// What comes out before the end, or before what ended it.
    fn unpack(packing: Packing, packed: &[u8], piece: usize) -> (Vec<u8>, Option<String>) {
        read_all(Unpacking::new(packing, BufReader::with_capacity(piece, packed)))
    }

    fn read_all(mut reader: impl Read) -> (Vec<u8>, Option<String>) {
        let (mut text, mut buffer) = (Vec::new(), [0; 1000]);
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return (text, None),
                Ok(read) => text.extend_from_slice(&buffer[..read]),
                Err(error) => return (text, Some(error.to_string())),
            }
        }
    }

    #[test]
    fn a_packing_is_told_by_its_first_bytes() {
        for packing in BOTH {
            for text in [&b""[..], b"x"] {
                assert_eq!(Packing::of(&pack(packing, text)), Some(packing));
            }
        }
        for text in [&b""[..], b"\x1f", b"BZh9 is how this text begins", b"BZh01AY&SY", b"http://example.com/feed.gz"] {
            assert_eq!(Packing::of(text), None);
        }
    }

    #[test]
    fn members_and_streams_one_after_another_are_one_text() {
        for packing in BOTH {
            let packed = [pack(packing, b"one "), pack(packing, b""), pack(packing, b"two")].concat();
            for piece in [1, 7, 4096] {
                assert_eq!(unpack(packing, &packed, piece), (b"one two".to_vec(), None));
            }
        }
    }

    #[test]
    fn cut_off_data_are_an_error_with_its_place_wherever_they_are_cut() {
        for packing in BOTH {
            let packed = pack(packing, b"http://example.com/\n".repeat(20).as_slice());
            for length in 1..packed.len() {
                let (_, error) = unpack(packing, &packed[..length], 4096);
                let expected = format!("the {} data are cut off at byte {length} of the file", packing.name());
                assert!(error.as_ref().is_some_and(|error| error.starts_with(&expected)), "{length}: {error:?}");
                assert!(check(packing, &packed[..length]).is_ok());
            }
        }
    }

    #[test]
    fn damaged_data_are_an_error_and_so_is_what_follows_the_end() {
        for packing in BOTH {
            let text = b"http://example.com/\n".repeat(20);
            let mut packed = pack(packing, &text);
            packed.extend_from_slice(b"more that is not packed");
            let (before, error) = unpack(packing, &packed, 4096);
            assert!(before == text && error.unwrap().contains("damaged near byte "));
            assert!(check(packing, &packed[..]).is_err());
            let middle = packed.len() / 3;
            packed[middle] ^= 0x55;
            assert!(unpack(packing, &packed, 4096).1.is_some());
        }
    }

    #[test]
    fn a_bomb_is_given_up_soon_after_the_ratio_counts() {
        for packing in BOTH {
            let packed = pack(packing, &vec![0; 80 << 20]);
            let (text, error) = unpack(packing, &packed, 4096);
            assert!(error.unwrap().contains("more than 500 times their size"));
            assert!((RATIO_FROM as usize - 1000..RATIO_FROM as usize + 1000).contains(&text.len()), "{}", text.len());
        }
    }

    #[test]
    fn the_size_of_all_that_comes_out_is_capped() {
        for packing in BOTH {
            let caps = Caps { unpacked: 5000, ratio: u64::MAX, ratio_from: 0 };
            let packed = pack(packing, &[0; 5000]);
            assert_eq!(read_all(Unpacking::with_caps(packing, &packed[..], caps)), (vec![0; 5000], None));
            let packed = pack(packing, &[0; 5001]);
            let (_, error) = read_all(Unpacking::with_caps(packing, &packed[..], caps));
            assert!(error.unwrap().contains("more than 5000 bytes"));
        }
    }

    #[test]
    fn an_error_of_the_disk_is_told_as_it_is() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(5))
            }
        }
        let packed = pack(Packing::Gzip, b"text");
        let reader = BufReader::new(packed[..12].chain(Broken));
        assert!(read_all(Unpacking::new(Packing::Gzip, reader)).1.unwrap().contains("os error 5"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_back_in_pieces_of_any_size(text: Vec<u8>, piece in 1_usize..50) {
            for packing in BOTH {
                proptest::prop_assert_eq!(unpack(packing, &pack(packing, &text), piece), (text.clone(), None));
            }
        }

        #[test]
        fn any_bytes_come_to_an_end(bytes: Vec<u8>, piece in 1_usize..50) {
            for (packing, magic) in [(Packing::Gzip, &b"\x1f\x8b\x08\0\0\0\0\0\0\0"[..]), (Packing::Bzip2, b"BZh91AY&SY")] {
                unpack(packing, &[magic, &bytes].concat(), piece);
            }
        }
    }
}
