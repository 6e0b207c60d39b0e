//! The receipt of a guest session: one page of PDF, tagged, so that its text can be selected, searched and read
//! aloud. The figures on it add up: the parts are exact, and what rounding changes is a line of its own.
//!
//! It is made from figures and makes none, but for the tax that a total contains.

use std::num::NonZeroU16;
use std::sync::LazyLock;

use krilla::Document;
use krilla::geom::Point;
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::surface::Surface;
use krilla::tagging::{ContentTag, SpanTag, TableHeaderScope, Tag, TagGroup, TagTree};
use krilla::text::{Font, TextDirection};
use rust_decimal::Decimal;

use crate::clock::rfc3339;
use crate::domain::guest::PaymentStatus;
use crate::domain::money::price::{Price, Tariff, Usage, currency_digits};

/// Everything that stands on a receipt.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub company: String,
    pub number: String,
    pub charge_point: String,
    pub charge_point_name: Option<String>,
    pub address: Option<String>,
    pub connector_id: i64,
    pub transaction_id: i64,
    pub started_at_ms: i64,
    pub ended_at_ms: i64,
    pub tariff: Tariff,
    pub usage: Usage,
    pub price: Price,
    /// What is taken, or will be; the total where it is not more than is held and the payment did not fail.
    pub taken: Decimal,
    /// Contained in what is taken, in coins.
    pub tax: Decimal,
    /// In percent.
    pub tax_rate: Decimal,
    pub payment_status: PaymentStatus,
    pub captured: Option<Decimal>,
}

/// The tax that is contained in a total, exactly.
pub(crate) fn tax_contained(total: Decimal, rate_percent: Decimal) -> Decimal {
    let hundred = Decimal::ONE_HUNDRED;
    let whole = hundred.saturating_add(rate_percent);
    let tax = total.saturating_mul(rate_percent);
    tax.checked_div(whole).unwrap_or(Decimal::ZERO)
}

// A4, in points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 56.0;
const SIZE: f32 = 10.5;
const LEADING: f32 = 17.0;
/// Where the second column of a table begins.
const SECOND: f32 = MARGIN + 130.0;
/// Characters of a line.
const LINE_CHARS_MAX: usize = 56;

static FONT: &[u8] = include_bytes!("../assets/LiberationSans-Regular.ttf");

/// The receipt as a PDF.
///
/// # Errors
/// When the PDF cannot be written; a sentence for the log.
pub(crate) fn pdf(receipt: &Receipt) -> Result<Vec<u8>, String> {
    static SHARED: LazyLock<Option<Font>> = LazyLock::new(|| Font::new(FONT.to_vec().into(), 0));
    let font = SHARED.clone().ok_or("the font cannot be read")?;
    let mut document = Document::new();
    let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or("the page has no size")?;
    let tree = {
        let mut page = document.start_page_with(settings);
        let mut sheet = Sheet {
            surface: page.surface(),
            font,
            y: MARGIN,
            tree: TagTree::new(),
        };
        sheet.write(receipt);
        sheet.tree
    };
    document.set_tag_tree(tree);
    document.set_metadata(
        Metadata::new()
            .title(format!("Receipt {}", receipt.number))
            .authors(vec![receipt.company.clone()])
            .language("en".to_owned()),
    );
    document.finish().map_err(|error| format!("{error:?}"))
}

struct Sheet<'a> {
    surface: Surface<'a>,
    font: Font,
    y: f32,
    tree: TagTree,
}

impl Sheet<'_> {
    fn write(&mut self, receipt: &Receipt) {
        let one = NonZeroU16::MIN;
        self.block(Tag::Hn(one, Some("Receipt".to_owned())), "Receipt", 22.0);
        self.block(Tag::P, &receipt.company, 13.0);
        self.y += LEADING / 2.0;
        self.facts(&facts(receipt));
        self.y += LEADING;
        self.amounts(&receipt.tariff.currency, &lines(receipt));
        self.y += LEADING;
        self.block(Tag::P, &payment(receipt), SIZE);
        self.block(Tag::P, "All prices include tax. Times are in UTC.", SIZE);
    }

    /// Text at a place; its leaf of the tree.
    fn span(&mut self, x: f32, size: f32, text: &str) -> krilla::tagging::Identifier {
        let tag = ContentTag::Span(SpanTag::empty());
        let leaf = self.surface.start_tagged(tag);
        let at = Point::from_xy(x, self.y);
        let font = self.font.clone();
        self.surface
            .draw_text(at, font, size, text, false, TextDirection::Auto);
        self.surface.end_tagged();
        leaf
    }

    /// Lines of text under one tag.
    fn block(&mut self, tag: impl Into<krilla::tagging::TagKind>, text: &str, size: f32) {
        let mut group = TagGroup::new(tag);
        for line in wrapped(text) {
            self.y += size * 1.5;
            group.push(self.span(MARGIN, size, &line));
        }
        self.tree.push(group);
    }

    fn facts(&mut self, facts: &[(&str, String)]) {
        let mut table = TagGroup::new(Tag::Table);
        for (name, value) in facts {
            let mut row = TagGroup::new(Tag::TR);
            self.y += LEADING;
            let mut head = TagGroup::new(Tag::TH(TableHeaderScope::Row));
            head.push(self.span(MARGIN, SIZE, name));
            row.push(head);
            let mut cell = TagGroup::new(Tag::TD);
            for (number, line) in wrapped(value).into_iter().enumerate() {
                if number > 0 {
                    self.y += LEADING;
                }
                cell.push(self.span(SECOND, SIZE, &line));
            }
            row.push(cell);
            table.push(row);
        }
        self.tree.push(table);
    }

    /// What is paid for, how it is counted, and the amount, which ends at the margin.
    fn amounts(&mut self, currency: &str, lines: &[[String; 3]]) {
        let mut table = TagGroup::new(Tag::Table);
        self.y += LEADING;
        let mut row = TagGroup::new(Tag::TR);
        let amount = format!("Amount ({currency})");
        let heads = [
            (MARGIN, "Item"),
            (SECOND, "Calculation"),
            (WIDTH - MARGIN - 73.0, amount.as_str()),
        ];
        for (x, text) in heads {
            let mut head = TagGroup::new(Tag::TH(TableHeaderScope::Column));
            head.push(self.span(x, SIZE, text));
            row.push(head);
        }
        table.push(row);
        for [item, calculation, amount] in lines {
            self.y += LEADING;
            let mut row = TagGroup::new(Tag::TR);
            let end = WIDTH - MARGIN - number_width(amount) * SIZE;
            let cells = [(MARGIN, item), (SECOND, calculation), (end, amount)];
            for (x, text) in cells {
                let mut cell = TagGroup::new(Tag::TD);
                if !text.is_empty() {
                    cell.push(self.span(x, SIZE, text));
                }
                row.push(cell);
            }
            table.push(row);
        }
        self.tree.push(table);
    }
}

fn facts(receipt: &Receipt) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Receipt number", receipt.number.clone()),
        ("Charge point", receipt.charge_point.clone()),
    ];
    if let Some(name) = &receipt.charge_point_name {
        facts.push(("Name", name.clone()));
    }
    if let Some(address) = &receipt.address {
        facts.push(("Address", address.clone()));
    }
    let energy = Decimal::new(receipt.usage.energy_wh, 3);
    facts.extend([
        ("Connector", receipt.connector_id.to_string()),
        ("Transaction", receipt.transaction_id.to_string()),
        ("Started", readable(receipt.started_at_ms)),
        ("Ended", readable(receipt.ended_at_ms)),
        ("Energy", format!("{energy} kWh")),
    ]);
    facts
}

/// Item, calculation and amount.
fn lines(receipt: &Receipt) -> Vec<[String; 3]> {
    let (tariff, price) = (&receipt.tariff, &receipt.price);
    let digits = currency_digits(&tariff.currency).unwrap_or(2);
    let shown = |amount: Decimal| shown(amount, digits);
    let energy = Decimal::new(receipt.usage.energy_wh, 3);
    let mut lines = vec![[
        "Energy".to_owned(),
        format!("{energy} kWh x {}", shown(tariff.price_per_kwh)),
        shown(price.energy),
    ]];
    if !price.session.is_zero() {
        lines.push([
            "Session fee".to_owned(),
            String::new(),
            shown(price.session),
        ]);
    }
    if !tariff.idle_fee_per_minute.is_zero() {
        let fee = shown(tariff.idle_fee_per_minute);
        let minutes = price.paid_idle_minutes;
        let text = format!("{minutes} min x {fee} ({} free)", tariff.free_idle_minutes);
        lines.push(["Idle time".to_owned(), text, shown(price.idle)]);
    }
    let sum = price
        .energy
        .saturating_add(price.session)
        .saturating_add(price.idle);
    let rounding = price.total.saturating_sub(sum);
    if !rounding.is_zero() {
        lines.push(["Rounding".to_owned(), String::new(), shown(rounding)]);
    }
    let rate = receipt.tax_rate.normalize();
    let net = receipt.taken.saturating_sub(receipt.tax);
    lines.push(["Total".to_owned(), String::new(), shown(price.total)]);
    if receipt.taken != price.total {
        lines.push(["Taken".to_owned(), String::new(), shown(receipt.taken)]);
    }
    lines.extend([
        ["Of that net".to_owned(), String::new(), shown(net)],
        [
            format!("Of that tax {rate} %"),
            String::new(),
            shown(receipt.tax),
        ],
    ]);
    lines
}

fn payment(receipt: &Receipt) -> String {
    let currency = &receipt.tariff.currency;
    let digits = currency_digits(currency).unwrap_or(2);
    match (receipt.payment_status, receipt.captured) {
        (PaymentStatus::Captured, Some(paid)) => {
            let rest = match paid < receipt.price.total {
                true => "; the rest of the total is not asked for",
                false => "",
            };
            format!("Paid: {} {currency}{rest}", shown(paid, digits))
        }
        (PaymentStatus::CaptureFailed, _) => "Not paid: the payment failed".to_owned(),
        (PaymentStatus::Canceled | PaymentStatus::Canceling, _) => "Nothing to pay".to_owned(),
        _ => "The payment is under way".to_owned(),
    }
}

/// An amount with all its digits, and at least those of its currency.
fn shown(amount: Decimal, digits: u32) -> String {
    let amount = amount.normalize();
    let scale = amount.scale().max(digits) as usize;
    format!("{amount:.scale$}")
}

fn readable(at_ms: i64) -> String {
    let text = rfc3339(at_ms);
    let seconds = text.get(..19).unwrap_or(&text);
    seconds.replace('T', " ")
}

/// How wide an amount is, for a size of 1: digits of this font are all of one width.
fn number_width(text: &str) -> f32 {
    let widths = text.chars().map(|c| match c {
        '.' => 0.278,
        '-' => 0.333,
        _ => 0.556,
    });
    widths.sum()
}

/// Lines of bounded length, broken between words where that is possible.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for piece in letters.chunks(LINE_CHARS_MAX) {
            if length > 0 && length + 1 + piece.len() > LINE_CHARS_MAX {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            if length > 0 {
                line.push(' ');
                length += 1;
            }
            line.extend(piece);
            length += piece.len();
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(energy_wh: i64, idle_minutes: i64) -> Receipt {
        let tariff = Tariff {
            currency: "GBP".into(),
            price_per_kwh: "0.385".parse().unwrap(),
            session_fee: "0.5".parse().unwrap(),
            idle_fee_per_minute: "0.05".parse().unwrap(),
            free_idle_minutes: 10,
        };
        let usage = Usage {
            energy_wh,
            idle_minutes,
        };
        let price = tariff.price(usage);
        Receipt {
            company: "Acme".into(),
            number: "guest_tok_1".into(),
            charge_point: "CP-1".into(),
            charge_point_name: None,
            address: Some("x".repeat(255)),
            connector_id: 1,
            transaction_id: 7,
            started_at_ms: 0,
            ended_at_ms: 60_000,
            tax: crate::domain::money::price::in_coins(
                tax_contained(price.total, Decimal::from(20)),
                "GBP",
            ),
            taken: price.total,
            tax_rate: Decimal::from(20),
            tariff,
            usage,
            price,
            payment_status: PaymentStatus::Captured,
            captured: None,
        }
    }

    #[test]
    fn the_lines_add_up() {
        for energy_wh in [0, 1, 999, 8_201, 123_457] {
            let lines = lines(&receipt(energy_wh, 13));
            let amount = |line: &[String; 3]| line[2].parse::<Decimal>().unwrap();
            let total = lines.iter().position(|line| line[0] == "Total").unwrap();
            let sum: Decimal = lines[..total].iter().map(amount).sum();
            assert_eq!(sum, amount(&lines[total]), "{lines:?}");
            let parts: Decimal = lines[total + 1..].iter().map(amount).sum();
            assert_eq!(parts, amount(&lines[total]), "{lines:?}");
        }
    }

    #[test]
    fn tax_is_contained_not_added() {
        assert_eq!(
            tax_contained("7.56".parse().unwrap(), Decimal::from(20)),
            "1.26".parse().unwrap()
        );
        assert!(tax_contained(Decimal::ONE, Decimal::ZERO).is_zero());
        assert!(tax_contained(Decimal::ONE, Decimal::from(-100)).is_zero());
    }

    #[test]
    fn long_words_and_letters_of_any_script_make_a_page() {
        let mut odd = receipt(1, 0);
        odd.company = format!("{} Żółć Ελλάς \u{6c34} \u{1f50c} שלום", "y".repeat(200));
        let pdf = pdf(&odd).unwrap();
        assert!(pdf.starts_with(b"%PDF-"));
        assert!(
            pdf.len() < 60_000,
            "{} bytes: the font is subset",
            pdf.len()
        );
        assert!(
            wrapped(&odd.company)
                .iter()
                .all(|l| l.chars().count() <= LINE_CHARS_MAX)
        );
        assert_eq!(wrapped(""), [""]);
    }
}
