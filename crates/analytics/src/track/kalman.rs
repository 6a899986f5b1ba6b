//! A Kalman filter for one axis: position and velocity, constant velocity disturbed by acceleration.
//!
//! The axes of a box are independent, so two of these say the same as one filter of four states, in
//! arithmetic that fits on a page.

/// Position and velocity along one axis, in parts of the frame and seconds, with their covariance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub position: f32,
    pub velocity: f32,
    /// Variance of position, covariance, variance of velocity.
    covariance: [f32; 3],
}

impl Axis {
    /// At `position`, known to `sigma`; with a velocity of 0, known to `velocity_sigma`.
    pub fn new(position: f32, sigma: f32, velocity_sigma: f32) -> Self {
        Self { position, velocity: 0.0, covariance: [sigma * sigma, 0.0, velocity_sigma * velocity_sigma] }
    }

    /// Moves on by `dt` seconds; `acceleration` is the standard deviation of what may disturb it.
    pub fn predict(&mut self, dt: f32, acceleration: f32) {
        let [p, c, v] = self.covariance;
        let q = acceleration * acceleration;
        self.position += self.velocity * dt;
        self.covariance = [
            p + 2.0 * dt * c + dt * dt * v + q * dt.powi(4) / 4.0,
            c + dt * v + q * dt.powi(3) / 2.0,
            v + q * dt * dt,
        ];
    }

    /// Takes in a position known to `sigma`.
    pub fn update(&mut self, position: f32, sigma: f32) {
        let [p, c, v] = self.covariance;
        let s = p + sigma * sigma;
        let (gain, velocity_gain) = (p / s, c / s);
        let error = position - self.position;
        self.position += gain * error;
        self.velocity += velocity_gain * error;
        self.covariance = [(1.0 - gain) * p, (1.0 - gain) * c, v - velocity_gain * c];
    }

    /// Squared distance of a position known to `sigma`, in standard deviations.
    pub fn distance(&self, position: f32, sigma: f32) -> f32 {
        (position - self.position).powi(2) / (self.covariance[0] + sigma * sigma)
    }

    /// Standard deviation of the position.
    pub fn sigma(&self) -> f32 {
        self.covariance[0].max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_velocity_is_learnt_and_carried_on() {
        let mut axis = Axis::new(0.0, 0.01, 0.5);
        for step in 1..=20 {
            axis.predict(0.1, 0.05);
            axis.update(step as f32 * 0.02, 0.005);
        }
        assert!((axis.velocity - 0.2).abs() < 0.02, "{axis:?}");
        let sigma = axis.sigma();
        axis.predict(1.0, 0.05);
        assert!((axis.position - 0.6).abs() < 0.03, "{axis:?}");
        assert!(axis.sigma() > sigma);
    }
}
