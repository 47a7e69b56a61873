//! The parts of the package besides the document's body: ECMA-376, parts 1 (WordprocessingML) and 2 (packages).

use jiff::Timestamp;
use plumbline_config::lang::Lang;

use super::text::escaped;
use crate::Properties;

/// What every part begins with.
pub(super) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

/// Namespace of the body's elements.
pub(super) const W: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";

/// Namespace of relations from one part to another.
pub(super) const R: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";

/// Which part is of which kind.
pub(super) fn content_types() -> String {
    let word = "application/vnd.openxmlformats-officedocument.wordprocessingml";
    let parts = [
        ("/word/document.xml", format!("{word}.document.main+xml")),
        ("/word/styles.xml", format!("{word}.styles+xml")),
        ("/word/settings.xml", format!("{word}.settings+xml")),
        ("/word/fontTable.xml", format!("{word}.fontTable+xml")),
        ("/word/footer1.xml", format!("{word}.footer+xml")),
        (
            "/docProps/core.xml",
            "application/vnd.openxmlformats-package.core-properties+xml".to_owned(),
        ),
        (
            "/docProps/app.xml",
            "application/vnd.openxmlformats-officedocument.extended-properties+xml".to_owned(),
        ),
    ];
    let overrides: String = parts
        .iter()
        .map(|(part, kind)| format!("<Override PartName=\"{part}\" ContentType=\"{kind}\"/>"))
        .collect();
    format!(
        "{DECLARATION}<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" \
         ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" \
         ContentType=\"application/xml\"/><Default Extension=\"png\" ContentType=\"image/png\"/>{overrides}</Types>"
    )
}

/// Relations of a part: their ids are `rId1` and on.
pub(super) fn relations(of: &[(String, String)]) -> String {
    let each: String = of
        .iter()
        .enumerate()
        .map(|(number, (kind, target))| {
            let number = number + 1;
            format!("<Relationship Id=\"rId{number}\" Type=\"{kind}\" Target=\"{target}\"/>")
        })
        .collect();
    format!("{DECLARATION}<Relationships xmlns=\"{PACKAGE}/relationships\">{each}</Relationships>")
}

/// The package's own relations.
pub(super) fn package_relations() -> String {
    relations(&[
        (format!("{R}/officeDocument"), "word/document.xml".to_owned()),
        (
            format!("{PACKAGE}/relationships/metadata/core-properties"),
            "docProps/core.xml".to_owned(),
        ),
        (format!("{R}/extended-properties"), "docProps/app.xml".to_owned()),
    ])
}

/// Title, author, language and time.
pub(super) fn core(properties: &Properties) -> String {
    let at = properties.made_at.and_then(|at| Timestamp::from_second(at).ok());
    let times = at.map_or_else(String::new, |at| {
        ["created", "modified"]
            .map(|what| format!("<dcterms:{what} xsi:type=\"dcterms:W3CDTF\">{at}</dcterms:{what}>"))
            .concat()
    });
    let (title, company) = (escaped(&properties.title), escaped(&properties.company));
    format!(
        "{DECLARATION}<cp:coreProperties xmlns:cp=\"{PACKAGE}/metadata/core-properties\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><dc:title>{title}</dc:title>\
         <dc:creator>{company}</dc:creator><cp:lastModifiedBy>{company}</cp:lastModifiedBy>{times}\
         <dc:language>{}</dc:language>\
         </cp:coreProperties>",
        properties.lang.tag()
    )
}

/// The company and the program.
pub(super) fn app(properties: &Properties) -> String {
    format!(
        "{DECLARATION}<Properties xmlns=\"http://schemas.openxmlformats.org/officeDocument/2006/extended-properties\">\
         <Application>Plumbline</Application><Company>{}</Company></Properties>",
        escaped(&properties.company)
    )
}

/// Settings: how Word 2013 and later lay it out, and the languages.
pub(super) fn settings() -> String {
    format!(
        "{DECLARATION}<w:settings xmlns:w=\"{W}\"><w:zoom w:percent=\"100\"/><w:defaultTabStop w:val=\"480\"/>\
         <w:characterSpacingControl w:val=\"doNotCompress\"/><w:compat><w:compatSetting w:name=\"compatibilityMode\" \
         w:uri=\"http://schemas.microsoft.com/office/word\" w:val=\"15\"/></w:compat>\
         <w:themeFontLang w:val=\"en-US\" w:eastAsia=\"zh-TW\"/></w:settings>"
    )
}

/// The fonts, and what stands in for them elsewhere than on Windows.
pub(super) fn font_table() -> String {
    format!(
        "{DECLARATION}<w:fonts xmlns:w=\"{W}\"><w:font w:name=\"微軟正黑體\"><w:altName \
         w:val=\"Microsoft JhengHei,Noto Sans CJK TC,Noto Sans TC,PingFang TC\"/><w:charset w:val=\"88\"/>\
         <w:family w:val=\"swiss\"/></w:font><w:font w:name=\"Arial\"><w:charset w:val=\"00\"/>\
         <w:family w:val=\"swiss\"/></w:font></w:fonts>"
    )
}

/// The foot of each page: what the document is, and which page this is of how many.
pub(super) fn footer(properties: &Properties) -> String {
    let field = |name: &str| {
        format!(
            "<w:r><w:fldChar w:fldCharType=\"begin\"/></w:r><w:r><w:instrText xml:space=\"preserve\"> {name} \
             </w:instrText></w:r><w:r><w:fldChar w:fldCharType=\"separate\"/></w:r><w:r><w:t>1</w:t></w:r>\
             <w:r><w:fldChar w:fldCharType=\"end\"/></w:r>"
        )
    };
    format!(
        "{DECLARATION}<w:ftr xmlns:w=\"{W}\"><w:p><w:pPr><w:pStyle w:val=\"Footer\"/></w:pPr><w:r><w:t \
         xml:space=\"preserve\">{}</w:t></w:r><w:r><w:tab/></w:r>{}<w:r><w:t xml:space=\"preserve\"> / </w:t></w:r>\
         {}</w:p></w:ftr>",
        escaped(&properties.footer),
        field("PAGE"),
        field("NUMPAGES")
    )
}

/// The styles, by the names that Word knows them by.
pub(super) fn styles(lang: Lang) -> String {
    let mut styles = String::new();
    // Id, name, based on, paragraph, run.
    let paragraph_styles = [
        (
            "Title",
            "Title",
            "<w:spacing w:before=\"120\" w:after=\"120\"/>",
            "<w:b/><w:sz w:val=\"48\"/>",
        ),
        (
            "Subtitle",
            "Subtitle",
            "<w:spacing w:after=\"600\"/>",
            "<w:color w:val=\"5B6675\"/><w:sz w:val=\"28\"/>",
        ),
        (
            "Company",
            "Company",
            "<w:spacing w:before=\"2400\"/>",
            "<w:color w:val=\"5B6675\"/><w:sz w:val=\"28\"/>",
        ),
        (
            "Heading1",
            "heading 1",
            "<w:keepNext/><w:keepLines/><w:pageBreakBefore/><w:pBdr><w:bottom w:val=\"single\" w:sz=\"8\" w:space=\"4\" \
             w:color=\"1C2430\"/></w:pBdr><w:spacing w:after=\"200\"/><w:outlineLvl w:val=\"0\"/>",
            "<w:b/><w:sz w:val=\"32\"/>",
        ),
        (
            "Heading2",
            "heading 2",
            "<w:keepNext/><w:keepLines/><w:spacing w:before=\"280\" w:after=\"100\"/><w:outlineLvl w:val=\"1\"/>",
            "<w:b/><w:sz w:val=\"24\"/>",
        ),
        (
            "Heading3",
            "heading 3",
            "<w:keepNext/><w:keepLines/><w:spacing w:before=\"220\" w:after=\"80\"/><w:outlineLvl w:val=\"2\"/>",
            "<w:b/><w:sz w:val=\"21\"/>",
        ),
        (
            "TOCHeading",
            "TOC Heading",
            "<w:pageBreakBefore/><w:spacing w:after=\"200\"/>",
            "<w:b/><w:sz w:val=\"32\"/>",
        ),
        (
            "TOC1",
            "toc 1",
            "<w:tabs><w:tab w:val=\"right\" w:leader=\"dot\" w:pos=\"9638\"/></w:tabs><w:spacing w:before=\"120\"/>",
            "<w:b/>",
        ),
        (
            "TOC2",
            "toc 2",
            "<w:tabs><w:tab w:val=\"right\" w:leader=\"dot\" w:pos=\"9638\"/></w:tabs><w:ind w:left=\"280\" w:right=\"560\"/>",
            "",
        ),
        (
            "ListParagraph",
            "List Paragraph",
            "<w:spacing w:after=\"40\"/><w:ind w:left=\"400\" w:hanging=\"240\"/>",
            "",
        ),
        (
            "Cell",
            "Cell",
            "<w:spacing w:before=\"30\" w:after=\"30\"/>",
            "<w:sz w:val=\"18\"/>",
        ),
        (
            "ColumnTitle",
            "Column Title",
            "<w:keepNext/><w:spacing w:before=\"30\" w:after=\"30\"/>",
            "<w:b/><w:sz w:val=\"18\"/>",
        ),
        (
            "AfterTable",
            "After Table",
            "<w:spacing w:line=\"160\" w:lineRule=\"exact\"/>",
            "<w:sz w:val=\"8\"/>",
        ),
        (
            "Footer",
            "footer",
            "<w:tabs><w:tab w:val=\"right\" w:pos=\"9638\"/></w:tabs>",
            "<w:color w:val=\"5B6675\"/><w:sz w:val=\"16\"/>",
        ),
    ];
    for (id, name, paragraph, run) in paragraph_styles {
        styles.push_str(&format!(
            "<w:style w:type=\"paragraph\" w:styleId=\"{id}\"><w:name w:val=\"{name}\"/><w:basedOn w:val=\"Normal\"/>\
             <w:qFormat/><w:pPr>{paragraph}</w:pPr><w:rPr>{run}</w:rPr></w:style>"
        ));
    }
    // Boxes and dashes are of both scripts: the hint has them set in the Chinese font.
    let hint = match lang {
        Lang::ZhTw => " w:hint=\"eastAsia\"",
        Lang::En => "",
    };
    format!(
        "{DECLARATION}<w:styles xmlns:w=\"{W}\"><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts{hint} w:ascii=\"Arial\" \
         w:hAnsi=\"Arial\" w:eastAsia=\"微軟正黑體\" w:cs=\"Arial\"/><w:color w:val=\"1C2430\"/><w:sz w:val=\"20\"/>\
         <w:lang w:val=\"en-US\" w:eastAsia=\"zh-TW\"/></w:rPr></w:rPrDefault><w:pPrDefault><w:pPr>\
         <w:spacing w:after=\"80\" w:line=\"280\" w:lineRule=\"auto\"/></w:pPr></w:pPrDefault></w:docDefaults>\
         <w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/><w:qFormat/></w:style>\
         {styles}<w:style w:type=\"character\" w:styleId=\"Soft\"><w:name w:val=\"Soft\"/><w:rPr>\
         <w:color w:val=\"5B6675\"/><w:sz w:val=\"17\"/></w:rPr></w:style><w:style w:type=\"table\" w:default=\"1\" \
         w:styleId=\"TableNormal\"><w:name w:val=\"Normal Table\"/><w:tblPr><w:tblInd w:w=\"0\" w:type=\"dxa\"/>\
         <w:tblCellMar><w:left w:w=\"80\" w:type=\"dxa\"/><w:right w:w=\"80\" w:type=\"dxa\"/></w:tblCellMar></w:tblPr>\
         </w:style></w:styles>"
    )
}
