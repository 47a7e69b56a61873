//! The fonts that are carried along, and those of the computer where they lack a character.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use krilla::text::Font;
use parley::FontData;
use parley::fontique::{Blob, Collection, CollectionOptions, FontInfoOverride};
use parley::{FontContext, FontFamily, FontFamilyName};

use crate::DocumentError;

/// Both weights of the subset that `fonts/subset` makes.
static REGULAR: &[u8] = include_bytes!("../../fonts/NotoSansCJKtc-Regular.otf");
static BOLD: &[u8] = include_bytes!("../../fonts/NotoSansCJKtc-Bold.otf");

/// The name that the carried fonts go by here: a font of the computer must not take their place by bearing theirs.
const CARRIED: &str = "plumbline";
/// Noto Sans CJK with all its faces takes 20 MB. What is larger than this is no font for a report.
const MAX_FONT_BYTES: u64 = 64 << 20;

/// Where fonts are looked for that have a character which the carried font lacks. The first that has it is used; without
/// one its number is printed, as `[U+20BB7]`.
///
/// A document with such characters has the same bytes wherever the same fonts are found; any other has them everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FontPaths(pub Vec<PathBuf>);

impl Default for FontPaths {
    /// Where Debian, Fedora and Arch keep Noto Sans CJK, and fonts for the rarer characters of plane 2.
    fn default() -> Self {
        let paths = [
            "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
            "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
            "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
            "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
            "/usr/share/fonts/truetype/arphic-bkai00mp/bkai00mp.ttf",
            "/usr/share/fonts/truetype/arphic/uming.ttc",
            "/usr/share/fonts/truetype/hanazono/HanaMinB.ttf",
            "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
            "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
            "/usr/share/fonts/TTF/DejaVuSans.ttf",
        ];
        Self(paths.into_iter().map(PathBuf::from).collect())
    }
}

impl FontPaths {
    /// With this one before all others.
    #[must_use]
    pub fn and(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.insert(0, path.into());
        self
    }
}

/// All fonts of a document.
pub(super) struct Fonts {
    pub(super) context: FontContext,
    families: Vec<FontFamilyName<'static>>,
    paths: FontPaths,
    pub(super) asked_computer: bool,
    /// By the identity of the font's bytes and its place among them.
    embedded: HashMap<(u64, u32), Option<Font>>,
}

impl Fonts {
    pub(super) fn new(paths: &FontPaths) -> Result<Self, DocumentError> {
        let mut context = FontContext {
            collection: Collection::new(CollectionOptions {
                shared: false,
                system_fonts: false,
            }),
            ..FontContext::default()
        };
        let name = FontInfoOverride {
            family_name: Some(CARRIED),
            ..FontInfoOverride::default()
        };
        for font in [REGULAR, BOLD] {
            if context
                .collection
                .register_fonts(Blob::new(Arc::new(font)), Some(name))
                .is_empty()
            {
                return Err(DocumentError::Layout("its own font cannot be read".into()));
            }
        }
        Ok(Self {
            context,
            families: vec![FontFamilyName::Named(CARRIED.into())],
            paths: paths.clone(),
            asked_computer: false,
            embedded: HashMap::new(),
        })
    }

    /// The families to look through, the carried one first.
    pub(super) fn families(&self) -> FontFamily<'static> {
        FontFamily::List(self.families.clone().into())
    }

    /// Reads the computer's own fonts, when first a character is missing. Says whether that changed anything.
    pub(super) fn ask_computer(&mut self) -> bool {
        if self.asked_computer {
            return false;
        }
        self.asked_computer = true;
        let before = self.families.len();
        for path in self.paths.0.clone() {
            // A font that is not there or cannot be read is no reason to do without the document.
            if let Some(bytes) = read(&path) {
                self.add(bytes);
            }
        }
        self.families.len() > before
    }

    fn add(&mut self, bytes: Vec<u8>) {
        let blob = Blob::new(Arc::new(bytes));
        let collection = &mut self.context.collection;
        let mut names = Vec::new();
        for (family, fonts) in collection.register_fonts(blob.clone(), None) {
            // Of a variable font viewers may show the wrong weight, or nothing.
            let usable = fonts.iter().all(|font| {
                font.axes().is_empty()
                    && Font::new(blob.clone().into_raw_parts().0.into(), font.index()).is_some()
            });
            if usable && let Some(name) = collection.family_name(family) {
                names.push(name.to_owned());
            }
        }
        // Where a file has the forms of several regions, those of Taiwan come first.
        names.sort_by_key(|name| !name.contains(" TC"));
        self.families
            .extend(names.into_iter().map(|name| FontFamilyName::Named(name.into())));
    }

    /// The font as krilla embeds it.
    pub(super) fn embedded(&mut self, font: &FontData) -> Option<Font> {
        self.embedded
            .entry((font.data.id(), font.index))
            .or_insert_with(|| Font::new(font.data.clone().into_raw_parts().0.into(), font.index))
            .clone()
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > MAX_FONT_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX_FONT_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
