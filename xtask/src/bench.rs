//! placeholder
use clap::Args;
#[derive(Args)]
pub struct Bench {}
impl Bench {
    pub fn run(&self) -> anyhow::Result<()> { Ok(()) }
}
