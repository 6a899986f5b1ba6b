//! Light that changes everywhere at once: clouds, lamps, a camera's own exposure.

use super::reduce::Plane8;

/// Every so many pixels along both axes are looked at.
const STEP: usize = 5;
/// Smaller changes are left to slow learning.
const MIN_CHANGE: i32 = 2;
/// Two halves of the scene nearer than this in brightness cannot tell gain from offset.
const MIN_SPREAD: f32 = 24.0;

/// The change of light from the background to now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LightChange {
    pub gain: f32,
    pub offset: f32,
}

/// Finds gain and offset by the median difference of the darker and of the brighter half of the
/// scene: medians, so that objects, which cover less than half of either, have no say. `None` if
/// nothing changed, or if the change would not explain what is seen.
pub(crate) fn light_change(background: &Plane8, now: &Plane8) -> Option<LightChange> {
    let samples = || {
        (0..background.height)
            .step_by(STEP)
            .flat_map(move |y| background.row(y).iter().zip(now.row(y)).step_by(STEP).map(|(&b, &n)| (b, n)))
    };
    let mut brightness = [0_u32; 256];
    samples().for_each(|(b, _)| brightness[usize::from(b)] += 1);
    let split = median(&brightness)? as u8;
    let mut differences = [[0_u32; 511]; 2];
    let (mut sums, mut counts) = ([0_u64; 2], [0_u64; 2]);
    for (b, n) in samples() {
        let half = usize::from(b > split);
        differences[half][(255 + i32::from(n) - i32::from(b)) as usize] += 1;
        sums[half] += u64::from(b);
        counts[half] += 1;
    }
    let dark = median(&differences[0])? as i32 - 255;
    let bright = median(&differences[1]).map_or(dark, |m| m as i32 - 255);
    if dark.abs().max(bright.abs()) < MIN_CHANGE {
        return None;
    }
    let mean = |half: usize| sums[half] as f32 / counts[half].max(1) as f32;
    let change = if counts[1] == 0 || mean(1) - mean(0) < MIN_SPREAD {
        LightChange { gain: 1.0, offset: (dark + bright) as f32 / 2.0 }
    } else {
        let gain = (1.0 + (bright - dark) as f32 / (mean(1) - mean(0))).clamp(0.3, 3.0);
        LightChange { gain, offset: mean(0) + dark as f32 - gain * mean(0) }
    };
    // In a picture that is merely shifted, dark pixels get brighter and bright ones darker on average.
    // That looks like less contrast but explains little; a change of light explains most.
    let (mut before, mut after) = (0_u64, 0_u64);
    for (b, n) in samples() {
        let expected = (change.gain * f32::from(b) + change.offset).clamp(0.0, 255.0);
        before += u64::from(n.abs_diff(b));
        after += (f32::from(n) - expected).abs() as u64;
    }
    (after * 4 < before * 3).then_some(change)
}

fn median(histogram: &[u32]) -> Option<usize> {
    let total: u32 = histogram.iter().sum();
    let mut seen = 0;
    (total > 0).then(|| {
        histogram.iter().position(|&count| {
            seen += count;
            seen * 2 >= total
        })
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gain_and_offset_are_found_despite_an_object() {
        let mut background = Plane8::new(100, 80);
        let mut now = background.clone();
        for y in 0..80 {
            for x in 0..100 {
                let value = 60 + ((x * 7 + y * 13) % 120) as u8;
                background.data[y * 100 + x] = value;
                let lit = (f32::from(value) * 1.2 + 5.0) as u8;
                now.data[y * 100 + x] = if x < 30 && y < 40 { 0 } else { lit };
            }
        }
        let change = light_change(&background, &now).unwrap();
        assert!((change.gain - 1.2).abs() < 0.08, "{change:?}");
        assert!((change.gain * 120.0 + change.offset - 149.0).abs() < 4.0, "{change:?}");
        assert_eq!(light_change(&background, &background), None);
    }
}
