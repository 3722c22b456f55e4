//! The table as an operator sees it.

use serde_json::{Value, json};

use crate::World;

impl World {
    /// The items of the table or of an index, asked of the database itself.
    pub async fn scan(&self, index: Option<&str>) -> Vec<Value> {
        let table = self.stack.deployment().table.name.clone();
        let answer = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .post(self.stack.cloud().endpoints().dynamodb)
            .header("x-amz-target", "DynamoDB_20120810.Scan")
            .header("x-amz-date", "20260302T090000Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=local/20260302/eu-west-1/dynamodb/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=0",
            )
            .header("content-type", "application/x-amz-json-1.0")
            .body(json!({ "TableName": table, "IndexName": index }).to_string())
            .send()
            .await
            .unwrap();
        let mut body: Value = answer.json().await.unwrap();
        match body["Items"].take() {
            Value::Array(items) => items,
            _ => panic!("{body}"),
        }
    }
}
