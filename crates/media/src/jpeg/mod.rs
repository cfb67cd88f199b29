//! JPEG (ITU-T T.81) as far as a server that does not decode needs it: where a picture ends, how large it is.

mod segments;
mod splitter;

pub use segments::{Segment, Segments, dimensions};
pub use splitter::{Dropped, Splitter};

/// Marker codes, the byte after `FF`; T.81 table B.1.
pub mod marker {
    /// Start of image.
    pub const SOI: u8 = 0xD8;
    /// End of image.
    pub const EOI: u8 = 0xD9;
    /// Start of scan.
    pub const SOS: u8 = 0xDA;
    /// Comment.
    pub const COM: u8 = 0xFE;
    /// Temporary use in arithmetic coding; stands alone.
    pub const TEM: u8 = 0x01;
    /// First restart marker; there are eight, and they stand alone.
    pub const RST0: u8 = 0xD0;
    /// Last restart marker.
    pub const RST7: u8 = 0xD7;
    /// First start-of-frame marker: baseline.
    pub const SOF0: u8 = 0xC0;
    /// Extended sequential.
    pub const SOF1: u8 = 0xC1;
    /// Last start-of-frame marker.
    pub const SOF15: u8 = 0xCF;
    /// Define Huffman tables; lies among the start-of-frame codes.
    pub const DHT: u8 = 0xC4;
    /// Reserved for extensions; lies among the start-of-frame codes.
    pub const JPG: u8 = 0xC8;
    /// Define arithmetic coding conditioning; lies among the start-of-frame codes.
    pub const DAC: u8 = 0xCC;
}
