//! A stack whose functions are compiled programs instead of the handlers that are linked in: those of another build.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_stand_ins::Binary;

use super::Stack;
use super::provision::lambda;
use crate::{Error, seed};

impl Stack {
    /// From here on these functions, by the names of their crates, are compiled programs. Each invocation runs in a
    /// process, which has the host's clock: so a stack with programs should not live in another time. `variables` stand
    /// in their environments, over those of the template. What has begun ends in the code in which it began.
    pub fn run_programs(&self, programs: &BTreeMap<String, PathBuf>, variables: &[(&str, &str)]) {
        for function in &self.core.deployment.functions {
            if let Some(program) = programs.get(&function.crate_name) {
                let mut environment = self.environment(function);
                let variables = variables.iter();
                environment
                    .extend(variables.map(|(name, value)| ((*name).into(), (*value).into())));
                let program = Binary::new(program, environment);
                let function = lambda(function, program.handler());
                self.core.cloud.lambda().register(function);
            }
        }
    }

    /// Makes the seed's organisation in a stack that was started without it and keeps nothing.
    ///
    /// # Errors
    /// Whatever keeps it from being made, and [`Error::Usage`] where it is there already.
    pub async fn seed(&self) -> Result<(), Error> {
        if self.core.seeded.get().is_some() {
            return Err(Error::Usage("the seed is there already".to_owned()));
        }
        let seeded = seed::run(&self.core, None, false).await?;
        // Set once, here.
        let _ = self.core.seeded.set(seeded);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StackConfig;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_function_is_the_program_that_it_was_told_to_be() {
        let config = StackConfig {
            seed: false,
            ..StackConfig::default()
        };
        let stack = Stack::start(config).await.unwrap();
        stack.seed().await.unwrap();
        assert!(stack.webhook_secret().is_some());
        assert!(matches!(stack.seed().await, Err(Error::Usage(_))));

        // A program that ends at once, without a word to Lambda.
        stack.run_programs(&[("notify".to_owned(), "/bin/true".into())].into(), &[]);
        let failed = stack.invoke("notify", serde_json::json!({})).await;
        let failed = failed.unwrap_err().to_string();
        assert!(failed.contains("Runtime exited"), "{failed}");
        stack.shutdown().await.unwrap();
    }
}
