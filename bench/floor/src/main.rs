//! Answers every event with nothing. What it takes is what no function over `lambda_runtime` can go below.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(|_: LambdaEvent<Box<RawValue>>| async {
        Ok::<_, Error>(())
    }))
    .await
}
