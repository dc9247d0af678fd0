//! Batches: of many series, and of one.

use std::hint::black_box;

use ndarray::{Array2, ArrayView1};
use tickwire_indicators::find;

use crate::{
    Chosen, Columns, Failure, IN_A_ROW, Kept, RIVALS, Side, medians, parts_of, print_head, print_row,
    print_summary, walk,
};

/// What nobody can do without: looks at each cache line of the inputs, and writes the outputs.
fn least(inputs: &[&[f64]], outputs: &mut [&mut [f64]]) {
    /// Numbers of a cache line.
    const LINE: usize = 8;
    let [first, others @ ..] = inputs else { return };
    for output in outputs {
        output.copy_from_slice(first);
    }
    for input in others {
        black_box(
            input
                .iter()
                .step_by(LINE)
                .fold(0, |bits, value| bits ^ value.to_bits()),
        );
    }
}

/// The others' batches, each over all series so many times.
fn batches<'a>(
    name: &'static str,
    walks: &'a [Columns],
    kept: &'a mut [Vec<Kept>],
    repeats: usize,
) -> impl Iterator<Item = Side<'a>> {
    RIVALS.into_iter().zip(kept).map(move |(rival, kept)| {
        (rival.batch)(name, walks.first()?, kept.first_mut()?)?;
        let side: Box<dyn FnMut()> = Box::new(move || {
            for _ in 0..repeats {
                for (walk, kept) in walks.iter().zip(&mut *kept) {
                    black_box((rival.batch)(name, black_box(walk), kept));
                }
            }
        });
        Some(side)
    })
}

/// Where the others write all series.
fn kept(walks: &[Columns]) -> Vec<Vec<Kept>> {
    let of_each = || walks.iter().map(|walk| Kept::of(walk.close.len())).collect();
    RIVALS.iter().map(|_| of_each()).collect()
}

/// Whether the others compute the same: the last value of a long series hardly depends on how it
/// began.
fn compare(name: &str, walk: &Columns, ours: Option<f64>) -> Result<(), Failure> {
    let ours = ours.ok_or("there is no value")?;
    for rival in RIVALS {
        let mut kept = Kept::of(walk.close.len());
        let Some(theirs) = (rival.batch)(name, walk, &mut kept) else {
            continue;
        };
        // NaN is close to nothing.
        let close = (ours - theirs).abs() <= 1e-5 * ours.abs().max(1.0);
        if !close {
            return Err(format!("{name} is {ours} here and {theirs} by {}", rival.name).into());
        }
    }
    Ok(())
}

/// A set of many series.
pub(crate) fn many(chosen: &[Chosen], instruments: usize, bars: usize) -> Result<(), Failure> {
    let walks: Vec<Columns> = (0..instruments as u64).map(|seed| walk(seed, bars)).collect();
    let cells = (instruments * bars) as f64;
    let [talib, wickra, ferro] = RIVALS.map(|rival| rival.name);
    print_head(
        &format!("{instruments} instruments x {bars} bars, many at once: ns, and as a part of the others'"),
        &["ns", "floor", talib, "cold", wickra, ferro],
    );
    let mut sums = [[0.0; 2]; 4];
    for &(name, parameters) in chosen {
        let definition = find(name).ok_or("no such indicator")?;
        let inputs: Vec<Array2<f64>> = definition
            .inputs
            .iter()
            .map(|input| Array2::from_shape_fn((bars, instruments), |(bar, at)| walks[at].of(*input)[bar]))
            .collect();
        let views: Vec<_> = inputs.iter().map(|input| input.view()).collect();
        let mut outputs = vec![Array2::<f64>::zeros((bars, instruments)); definition.outputs.len()];
        let mut others = outputs.clone();
        let mut kept = kept(&walks);
        let mut many = || {
            let mut into: Vec<_> = outputs.iter_mut().map(|output| output.view_mut()).collect();
            definition.many(parameters, black_box(&views), &mut into)
        };
        many()?;
        let mut floor = || {
            let mut into: Vec<_> = others
                .iter_mut()
                .filter_map(|output| output.as_slice_mut())
                .collect();
            let columns: Vec<_> = inputs.iter().filter_map(|input| input.as_slice()).collect();
            least(black_box(&columns), &mut into);
        };
        let mut sides: Vec<Side<'_>> = vec![
            Some(Box::new(|| _ = black_box(many()))),
            Some(Box::new(&mut floor)),
        ];
        sides.extend(batches(name, &walks, &mut kept, 1));
        let seconds = medians(IN_A_ROW, sides);
        let cold: Vec<Side<'_>> =
            std::iter::once(Some(Box::new(|| _ = black_box(many())) as Box<dyn FnMut()>))
                .chain(batches(name, &walks, &mut kept, 1).take(1))
                .collect();
        let cold = medians(1, cold);
        compare(name, &walks[0], outputs[0].column(0).last().copied())?;

        let [ours, floor, talib, wickra, ferro] = seconds[..] else {
            return Err("sides are missing".into());
        };
        let pairs = [(ours, talib), (cold[0], cold[1]), (ours, wickra), (ours, ferro)];
        for (sum, (ours, theirs)) in sums.iter_mut().zip(pairs) {
            if let Some((ours, theirs)) = ours.zip(theirs) {
                *sum = [sum[0] + ours, sum[1] + theirs];
            }
        }
        let part = pairs.map(|(ours, theirs)| Some(ours? / theirs?));
        let bar = |seconds: Option<f64>| Some(seconds? / cells * 1e9);
        print_row(name, [&[bar(ours), bar(floor)][..], &part[..]].concat());
    }
    let times = sums.map(|[ours, theirs]| theirs / ours);
    println!(
        "\ntimes as fast: {talib} {:.2}, cold {:.2}, {wickra} {:.2}, {ferro} {:.2}",
        times[0], times[1], times[2], times[3]
    );
    Ok(())
}

/// One series.
pub(crate) fn single(chosen: &[Chosen], bars: usize) -> Result<(), Failure> {
    let walks = [walk(7, bars)];
    let repeats = (100_000 / bars).clamp(1, 100);
    let cells = (bars * repeats) as f64;
    let names = RIVALS.map(|rival| rival.name);
    print_head(
        &format!("one series of {bars} bars: ns, and as a part of the others'"),
        &["ns", "floor", names[0], names[1], names[2]],
    );
    let mut parts = Vec::new();
    for &(name, parameters) in chosen {
        let definition = find(name).ok_or("no such indicator")?;
        let columns: Vec<&[f64]> = definition
            .inputs
            .iter()
            .map(|input| walks[0].of(*input))
            .collect();
        let views: Vec<_> = columns.iter().map(|column| ArrayView1::from(*column)).collect();
        let mut outputs = Array2::<f64>::zeros((definition.outputs.len(), bars));
        let mut others = outputs.clone();
        let mut kept = kept(&walks);
        let mut batch = || -> Result<(), Failure> {
            for _ in 0..repeats {
                let mut into: Vec<_> = outputs.rows_mut().into_iter().collect();
                definition
                    .build(parameters)?
                    .batch_into(black_box(&views), &mut into)?;
            }
            Ok(())
        };
        batch()?;
        let mut sides: Vec<Side<'_>> = vec![
            Some(Box::new(|| _ = black_box(batch()))),
            Some(Box::new(|| {
                for _ in 0..repeats {
                    let mut into: Vec<_> = others
                        .rows_mut()
                        .into_iter()
                        .filter_map(|row| row.into_slice())
                        .collect();
                    least(black_box(&columns), &mut into);
                }
            })),
        ];
        sides.extend(batches(name, &walks, &mut kept, repeats));
        let seconds = medians(IN_A_ROW, sides);
        compare(name, &walks[0], outputs.row(0).last().copied())?;
        let bar = seconds[..2].iter().map(|seconds| Some((*seconds)? / cells * 1e9));
        let of = parts_of(seconds[0], &seconds[2..]);
        print_row(name, bar.chain(of.iter().copied()));
        parts.push(of);
    }
    print_summary(2, &parts);
    Ok(())
}
