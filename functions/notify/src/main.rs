//! The program that Lambda runs.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    offramp_aws::serve::<notify::State>().await
}
