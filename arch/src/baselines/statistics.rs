//! Errors of models, and least squares, for the tests.

/// Sorted relative errors.
pub(super) struct Errors(Vec<f64>);

impl Errors {
    pub(super) fn of(pairs: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let errors = pairs.into_iter().map(|(model, truth)| (model / truth - 1.0).abs());
        let mut errors: Vec<f64> = errors.collect();
        errors.sort_by(f64::total_cmp);
        Self(errors)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn median(&self) -> f64 {
        self.quantile(5)
    }

    pub(super) fn p90(&self) -> f64 {
        self.quantile(9)
    }

    /// Between the two nearest errors where the quantile falls between them.
    fn quantile(&self, tenths: usize) -> f64 {
        let scaled = (self.0.len() - 1) * tenths;
        let (below, rest) = (scaled / 10, scaled % 10);
        let above = self.0[(below + 1).min(self.0.len() - 1)];
        self.0[below] + (above - self.0[below]) * rest as f64 / 10.0
    }
}

/// Coefficients, none below zero, with the least sum of squared relative errors: the best of the
/// solutions over every subset of the terms.
pub(super) fn least_squares<const N: usize>(terms: &[[f64; N]], truth: &[f64]) -> [f64; N] {
    let subsets = (1_u32..1 << N).map(|subset| solve(terms, truth, subset));
    let allowed = subsets.filter(|found| found.iter().all(|coefficient| *coefficient >= 0.0));
    let best = allowed
        .min_by(|one, other| residual(terms, truth, one).total_cmp(&residual(terms, truth, other)));
    best.expect("a subset of one positive term has a positive coefficient")
}

pub(super) fn predict<const N: usize>(terms: &[f64; N], coefficients: &[f64; N]) -> f64 {
    terms.iter().zip(coefficients).map(|(term, coefficient)| term * coefficient).sum()
}

fn residual<const N: usize>(terms: &[[f64; N]], truth: &[f64], coefficients: &[f64; N]) -> f64 {
    let errors = terms.iter().zip(truth).map(|(row, t)| predict(row, coefficients) / t - 1.0);
    errors.map(|error| error * error).sum()
}

/// Normal equations of the terms in `subset`, the rest held at zero.
fn solve<const N: usize>(terms: &[[f64; N]], truth: &[f64], subset: u32) -> [f64; N] {
    let mut matrix = [[0.0; N]; N];
    let mut right = [0.0; N];
    for (row, t) in terms.iter().zip(truth) {
        for i in 0..N {
            right[i] += row[i] / t;
            for j in 0..N {
                matrix[i][j] += row[i] * row[j] / (t * t);
            }
        }
    }
    for held in (0..N).filter(|term| subset >> term & 1 == 0) {
        matrix[held] = [0.0; N];
        matrix[held][held] = 1.0;
        right[held] = 0.0;
    }
    for pivot in 0..N {
        for below in pivot + 1..N {
            let factor = matrix[below][pivot] / matrix[pivot][pivot];
            let row = matrix[pivot];
            for (value, above) in matrix[below].iter_mut().zip(row) {
                *value -= factor * above;
            }
            right[below] -= factor * right[pivot];
        }
    }
    let mut found = [0.0; N];
    for i in (0..N).rev() {
        let known: f64 = (i + 1..N).map(|j| matrix[i][j] * found[j]).sum();
        found[i] = (right[i] - known) / matrix[i][i];
    }
    found
}
