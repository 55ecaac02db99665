//! How wide the letters of Helvetica are, in thousandths of the size (Adobe's metrics of the fourteen standard fonts).

use pdf_writer::Name;

/// A face of the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    Regular,
    Bold,
}

impl Face {
    /// Its name in a page.
    pub(super) const fn name(self) -> Name<'static> {
        match self {
            Self::Regular => Name(b"R"),
            Self::Bold => Name(b"B"),
        }
    }

    pub(super) const fn base_font(self) -> Name<'static> {
        match self {
            Self::Regular => Name(b"Helvetica"),
            Self::Bold => Name(b"Helvetica-Bold"),
        }
    }
}

/// From the space to the tilde.
const REGULAR: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
const BOLD: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278,
    556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584,
    556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556,
    333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
];

/// The width of a letter of Windows-1252. Accents change it in none but the i.
pub(super) fn width(face: Face, byte: u8) -> f32 {
    let table = match face {
        Face::Regular => &REGULAR,
        Face::Bold => &BOLD,
    };
    let plain = |letter: u8| table.get(usize::from(letter.wrapping_sub(b' '))).copied();
    let units = match byte {
        0x20..=0x7e => plain(byte),
        0xa0 => plain(b' '),
        0xc0..=0xc5 => plain(b'A'),
        0xc7 => plain(b'C'),
        0xc8..=0xcb => plain(b'E'),
        0xcc..=0xcf | 0xec..=0xef => Some(278),
        0xd1 => plain(b'N'),
        0xd2..=0xd6 | 0xd8 => plain(b'O'),
        0xd9..=0xdc => plain(b'U'),
        0xdd | 0x9f => plain(b'Y'),
        0x8a => plain(b'S'),
        0x8e => plain(b'Z'),
        0xe0..=0xe5 => plain(b'a'),
        0xe7 => plain(b'c'),
        0xe8..=0xeb => plain(b'e'),
        0xf1 => plain(b'n'),
        0xf2..=0xf6 | 0xf8 => plain(b'o'),
        0xf9..=0xfc => plain(b'u'),
        0xfd | 0xff => plain(b'y'),
        0x9a => plain(b's'),
        0x9e => plain(b'z'),
        0x80 | 0x96 => Some(556),
        0x91 | 0x92 => Some(278),
        0x93 | 0x94 => Some(500),
        0x95 | 0xb7 => Some(350),
        // The widest there is, so that a line is rather too short than too long.
        _ => Some(1_000),
    };
    f32::from(units.unwrap_or(1_000))
}
