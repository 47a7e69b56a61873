//! QR codes (ISO/IEC 18004), drawn as PNG and SVG.

use png::{BitDepth, ColorType, Encoder};
use qrcodegen::{QrCode, QrCodeEcc};

use crate::DocumentError;

/// Quiet zone around a code, in modules: the standard wants four.
const QUIET: i32 = 4;

/// Pixels of a module: enough to print sharply at four centimetres.
const PIXELS: i32 = 8;

/// A drawing that says `words`, for HTML; `title` is what it is for those who can't see it, already escaped. Fails as
/// [`png`] does.
pub(crate) fn svg(words: &str, title: &str) -> Result<String, DocumentError> {
    let code = encoded(words)?;
    let side = code.size() + 2 * QUIET;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            path.push_str(&format!("M{} {}h1v1h-1z", x + QUIET, y + QUIET));
        }
    }
    Ok(format!(
        "<svg class=\"code\" viewBox=\"0 0 {side} {side}\" role=\"img\" shape-rendering=\"crispEdges\"><title>{title}</title>\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\"/></svg>"
    ))
}

/// The modules of a code on a side, and all of them row by row: `true` is dark. Fails as [`png`] does.
#[cfg(feature = "pdf")]
pub(crate) fn modules(words: &str) -> Result<(usize, Vec<bool>), DocumentError> {
    let code = encoded(words)?;
    let rows = 0..code.size();
    let modules = rows.clone().flat_map(|y| rows.clone().map(move |x| (x, y)));
    let side = usize::try_from(code.size()).unwrap_or_default();
    Ok((side, modules.map(|(x, y)| code.get_module(x, y)).collect()))
}

fn encoded(words: &str) -> Result<QrCode, DocumentError> {
    QrCode::encode_text(words, QrCodeEcc::Medium).map_err(|error| layout(&error))
}

fn layout(error: &dyn std::fmt::Display) -> DocumentError {
    DocumentError::Layout(format!("the QR code: {error}"))
}

/// A picture that says `words`. Fails for more than 2,331 bytes, which no code of the error correction used holds.
pub(crate) fn png(words: &str) -> Result<Vec<u8>, DocumentError> {
    let code = encoded(words)?;
    let side = (code.size() + 2 * QUIET) * PIXELS;
    let is_dark = |x: i32, y: i32| code.get_module(x / PIXELS - QUIET, y / PIXELS - QUIET);
    let mut pixels = Vec::new();
    for y in 0..side {
        for byte in 0..(side / 8) {
            // A bit set is white; a side is a multiple of eight.
            let bits = (0..8).filter(|bit| !is_dark(byte * 8 + bit, y));
            pixels.push(bits.fold(0_u8, |byte, bit| byte | 0x80 >> bit));
        }
    }
    let mut out = Vec::new();
    let side = side.unsigned_abs();
    let mut encoder = Encoder::new(&mut out, side, side);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    let mut writer = encoder.write_header().map_err(|error| layout(&error))?;
    writer.write_image_data(&pixels).map_err(|error| layout(&error))?;
    writer.finish().map_err(|error| layout(&error))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_the_code_with_its_quiet_zone() {
        let picture = png("origin\n1\nroot\n").unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&picture))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let code = QrCode::encode_text("origin\n1\nroot\n", QrCodeEcc::Medium).unwrap();
        assert_eq!(i64::from(info.width), i64::from((code.size() + 8) * 8));
        let row = usize::try_from(info.width / 8).unwrap();
        for y in 0..info.height {
            for x in 0..info.width {
                let at = usize::try_from(y).unwrap() * row + usize::try_from(x / 8).unwrap();
                let is_white = pixels[at] & (0x80 >> (x % 8)) != 0;
                let module = |at: u32| i32::try_from(at / 8).unwrap() - 4;
                assert_eq!(!is_white, code.get_module(module(x), module(y)), "{x} {y}");
            }
        }
        assert!(png(&"x".repeat(3_000)).is_err(), "no code holds as much");
    }
}
