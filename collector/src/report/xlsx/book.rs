//! The workbook: sheets with a fixed head, filters, and rows that are written once and forgotten.

use std::io::{self, Seek, SeekFrom, Write};

use jiff::tz::TimeZone;
use rust_xlsxwriter::{
    Chart, ChartFormat, ChartSolidFill, ChartType, Color, DocProperties, Format, FormatAlign, FormatBorder,
    Workbook, Worksheet, XlsxError,
};

use super::cell::{Cell, Colour, excel_time, looks_like_a_formula};
use crate::report::WriteError;
use crate::report::model::Report;
use crate::report::words::Words;

/// Most rows of a sheet, its head among them: what Excel takes.
const MOST_ROWS: u32 = 1_048_576;

/// Longest name of a sheet, in characters.
const LONGEST_NAME: usize = 31;

/// A workbook that is being written.
pub(super) struct Book<'w> {
    workbook: Workbook,
    zone: &'w TimeZone,
    most_rows: u32,
    formats: Formats,
}

/// A sheet and those that go on where it is full.
#[derive(Debug)]
pub(super) struct Sheet {
    name: String,
    columns: Vec<Column>,
    /// How many sheets there are of it.
    number: usize,
    /// Which of all sheets the newest is.
    place: usize,
    /// Rows of the newest, its head among them.
    rows: u32,
}

/// A column of a sheet.
#[derive(Debug)]
pub(super) struct Column {
    title: String,
    /// In characters.
    width: f64,
}

struct Formats {
    head: Format,
    text: Format,
    formula_like: Format,
    number: Format,
    time: Format,
    good: Format,
    doubtful: Format,
    bad: Format,
    neutral: Format,
}

impl Column {
    pub(super) fn new(title: String, width: f64) -> Self {
        Self { title, width }
    }

    /// A column of times, which says the zone that they are in.
    pub(super) fn time(title: String, words: &Words<'_>) -> Self {
        let zone = words.zone.iana_name().unwrap_or("UTC");
        Self::new(format!("{title} ({zone})"), 20.0)
    }
}

impl Sheet {
    pub(super) fn new(name: String, columns: Vec<Column>) -> Self {
        Self {
            name,
            columns,
            number: 0,
            place: 0,
            rows: 0,
        }
    }

    /// The name on the tab: no two alike, and nothing in it that Excel refuses.
    fn tab(&self) -> String {
        let suffix = if self.number > 1 {
            format!(" {}", self.number)
        } else {
            String::new()
        };
        let name = self.name.chars().filter(|c| !"[]:*?/\\'".contains(*c));
        let name: String = name.take(LONGEST_NAME - suffix.len()).collect();
        format!("{name}{suffix}")
    }
}

impl<'w> Book<'w> {
    pub(super) fn new(report: &Report, words: &Words<'w>) -> Result<Self, WriteError> {
        let mut workbook = Workbook::new();
        let mut properties = DocProperties::new()
            .set_title(format!("{} {}", words.t("report-title"), report.checklist.period))
            .set_author(&report.company)
            .set_company(&report.company);
        // Without it the file would say when it was written, and no two would be alike.
        let at = excel_time(report.checklist.generated_at, &TimeZone::UTC).unwrap_or_default();
        properties = properties.set_creation_datetime(&at);
        workbook.set_properties(&properties);
        Ok(Self {
            workbook,
            zone: words.zone,
            most_rows: MOST_ROWS,
            formats: Formats::new(),
        })
    }

    /// Begins a sheet, or the one that goes on with it.
    pub(super) fn begin(&mut self, sheet: &mut Sheet) -> Result<(), WriteError> {
        sheet.number += 1;
        sheet.place = self.workbook.worksheets().len();
        sheet.rows = 1;
        let worksheet = self.workbook.add_worksheet_with_constant_memory()?;
        worksheet.set_name(sheet.tab())?;
        worksheet.set_freeze_panes(1, 0)?;
        worksheet
            .set_landscape()
            .set_paper_size(9)
            .set_print_fit_to_pages(1, 0)
            .set_repeat_rows(0, 0)?;
        for (column, place) in sheet.columns.iter().zip(0_u16..) {
            worksheet.set_column_width(place, column.width)?;
        }
        for (column, place) in sheet.columns.iter().zip(0_u16..) {
            worksheet.write_string_with_format(0, place, &column.title, &self.formats.head)?;
        }
        Ok(())
    }

    pub(super) fn row(&mut self, sheet: &mut Sheet, cells: Vec<Cell>) -> Result<(), WriteError> {
        if sheet.rows == self.most_rows {
            self.end(sheet)?;
            self.begin(sheet)?;
        }
        let (row, formats, zone) = (sheet.rows, &self.formats, self.zone);
        sheet.rows += 1;
        let worksheet = self.workbook.worksheet_from_index(sheet.place)?;
        for (cell, place) in cells.into_iter().zip(0_u16..) {
            formats.write(worksheet, (row, place), cell, zone)?;
        }
        Ok(())
    }

    /// Ends a sheet: its filter covers all of its rows.
    pub(super) fn end(&mut self, sheet: &Sheet) -> Result<(), WriteError> {
        let last = u16::try_from(sheet.columns.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let worksheet = self.workbook.worksheet_from_index(sheet.place)?;
        worksheet.autofilter(0, 0, sheet.rows - 1, last)?;
        Ok(())
    }

    /// A chart beside a sheet: a column for each row, made of the numbers in all its columns but the first.
    pub(super) fn stacked_columns(&mut self, sheet: &Sheet, title: &str) -> Result<(), WriteError> {
        let colours = [0x001A_7F4B, 0x008A_5300, 0x00B3_261E, 0x005B_6675];
        let tab = sheet.tab();
        let last = sheet.rows.saturating_sub(1);
        let mut chart = Chart::new(ChartType::ColumnStacked);
        chart.title().set_name(title);
        for ((place, _), colour) in (0_u16..).zip(&sheet.columns).skip(1).zip(colours) {
            chart
                .add_series()
                .set_name((tab.as_str(), 0, place))
                .set_categories((tab.as_str(), 1, 0, last, 0))
                .set_values((tab.as_str(), 1, place, last, place))
                .set_format(
                    ChartFormat::new().set_solid_fill(ChartSolidFill::new().set_color(Color::RGB(colour))),
                );
        }
        let beside = u16::try_from(sheet.columns.len().saturating_add(1)).unwrap_or(u16::MAX);
        let worksheet = self.workbook.worksheet_from_index(sheet.place)?;
        worksheet.insert_chart(1, beside, &chart)?;
        Ok(())
    }

    pub(super) fn save(mut self, out: &mut dyn Write) -> Result<(), WriteError> {
        // The library wants to hand its writer to another thread, which the way to the reader can't be.
        let mut file = tempfile::tempfile()?;
        self.workbook.save_to_writer(&mut file)?;
        file.seek(SeekFrom::Start(0))?;
        io::copy(&mut file, out)?;
        Ok(())
    }
}

impl Formats {
    fn new() -> Self {
        let text = || Format::new().set_text_wrap().set_align(FormatAlign::Top);
        let coloured = |colour: u32| text().set_bold().set_font_color(Color::RGB(colour));
        Self {
            head: Format::new()
                .set_bold()
                .set_text_wrap()
                .set_align(FormatAlign::Top)
                .set_background_color(Color::RGB(0x00F4_F6F9))
                .set_border_bottom(FormatBorder::Thin),
            // Typed into again, the cell stays text.
            formula_like: text().set_quote_prefix(),
            text: text(),
            number: Format::new().set_align(FormatAlign::Top).set_num_format("#,##0"),
            time: Format::new()
                .set_align(FormatAlign::Top)
                .set_align(FormatAlign::Left)
                .set_num_format("yyyy-mm-dd hh:mm:ss"),
            good: coloured(0x001A_7F4B),
            doubtful: coloured(0x008A_5300),
            bad: coloured(0x00B3_261E),
            neutral: coloured(0x005B_6675),
        }
    }

    fn write(
        &self,
        sheet: &mut Worksheet,
        (row, column): (u32, u16),
        cell: Cell,
        zone: &TimeZone,
    ) -> Result<(), XlsxError> {
        match cell {
            Cell::Text(words) if words.is_empty() => {}
            Cell::Text(words) => {
                let format = if looks_like_a_formula(&words) {
                    &self.formula_like
                } else {
                    &self.text
                };
                sheet.write_string_with_format(row, column, words, format)?;
            }
            Cell::Coloured(words, colour) => {
                let format = match colour {
                    Colour::Good => &self.good,
                    Colour::Doubtful => &self.doubtful,
                    Colour::Bad => &self.bad,
                    Colour::Neutral => &self.neutral,
                };
                sheet.write_string_with_format(row, column, words, format)?;
            }
            Cell::Number(number) => {
                sheet.write_number_with_format(row, column, number, &self.number)?;
            }
            Cell::Time(at) => match excel_time(at, zone) {
                Some(time) => {
                    sheet.write_datetime_with_format(row, column, &time, &self.time)?;
                }
                None => {
                    sheet.write_string_with_format(row, column, at.to_string(), &self.text)?;
                }
            },
        }
        Ok(())
    }
}
