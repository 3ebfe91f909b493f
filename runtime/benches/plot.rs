use std::path::Path;

use plotters::coord::combinators::IntoLogRange as _;
use plotters::prelude::*;

use crate::growth::{COLUMNS, Row};

const SIZE: (u32, u32) = (800, 420);

/// Which people who cannot tell red from green can tell apart.
const COLOURS: [RGBColor; COLUMNS.len()] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(230, 159, 0),
];

/// Draws how what should cost the same in every archive does, as ratios to the smallest.
pub(crate) fn draw(grown: &[Row], file: &Path) {
    let first = grown.first().unwrap();
    let last = grown.last().unwrap();
    let ratios = |column: usize| {
        let figures = grown.iter().filter_map(move |(size, row)| Some((*size as f64, row.get(column)? / first.1.get(column)?)));
        figures.collect::<Vec<_>>()
    };
    let highest = (0..COLUMNS.len()).flat_map(ratios).map(|(_, ratio)| ratio).fold(2.0, f64::max);
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let mut chart = ChartBuilder::on(&area)
        .caption("Cost in archives of different sizes, of that in the smallest", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(52)
        .build_cartesian_2d((first.0 as f64..last.0 as f64).log_scale(), 0.0..highest * 1.1)
        .unwrap();
    chart
        .configure_mesh()
        .x_desc("records in the archive")
        .y_desc("ratio")
        .x_labels(grown.len())
        .x_label_formatter(&|size| format!("{size:.0}"))
        .draw()
        .unwrap();
    for (column, (name, colour)) in COLUMNS.iter().zip(COLOURS).enumerate() {
        let colour = colour.stroke_width(2);
        let line = LineSeries::new(ratios(column), colour).point_size(3);
        let key = move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour);
        chart.draw_series(line).unwrap().label(*name).legend(key);
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()
        .unwrap();
    area.present().unwrap();
}
