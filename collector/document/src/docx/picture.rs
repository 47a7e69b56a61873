//! Pictures in a line of text.

use super::text::escaped;

/// Side of a picture, in English metric units: four centimetres.
const SIDE: u32 = 4 * 360_000;

/// The run that shows the picture `number` (from 1), and what it is for those who can't see it.
pub(super) fn inline(number: usize, words: &str) -> String {
    // Before the pictures come styles, settings, fonts and the footer.
    let relation = number + 4;
    let words = escaped(&words.replace('\n', " "));
    format!(
        "<w:r><w:drawing><wp:inline distT=\"0\" distB=\"0\" distL=\"0\" distR=\"0\"><wp:extent cx=\"{SIDE}\" cy=\"{SIDE}\"/>\
         <wp:docPr id=\"{number}\" name=\"{number}.png\" descr=\"{words}\"/><a:graphic><a:graphicData \
         uri=\"http://schemas.openxmlformats.org/drawingml/2006/picture\"><pic:pic><pic:nvPicPr><pic:cNvPr id=\"{number}\" \
         name=\"{number}.png\"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed=\"rId{relation}\"/><a:stretch>\
         <a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext cx=\"{SIDE}\" \
         cy=\"{SIDE}\"/></a:xfrm><a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData>\
         </a:graphic></wp:inline></w:drawing></w:r>"
    )
}
