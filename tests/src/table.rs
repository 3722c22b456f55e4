//! The table as an operator sees it.

use serde_json::{Value, json};

use crate::World;

impl World {
    /// The items of the table or of an index, asked of the database itself.
    pub async fn scan(&self, index: Option<&str>) -> Vec<Value> {
        let mut items = Vec::new();
        let mut from = Value::Null;
        loop {
            let mut body = json!({ "IndexName": index });
            if !from.is_null() {
                body["ExclusiveStartKey"] = from;
            }
            let mut page = self.table("Scan", body).await;
            match page["Items"].take() {
                Value::Array(found) => items.extend(found),
                _ => panic!("{page}"),
            }
            from = page["LastEvaluatedKey"].take();
            if from.is_null() {
                return items;
            }
        }
    }

    /// Puts an item in the place of the one with its key, as an operator would.
    pub async fn put_item(&self, item: &Value) {
        let answer = self.table("PutItem", json!({ "Item": item })).await;
        assert_eq!(answer, json!({}));
    }

    /// Asks the database itself.
    async fn table(&self, operation: &str, mut body: Value) -> Value {
        body["TableName"] = json!(self.stack.deployment().table.name);
        // Whose the table is, and where: DynamoDB Local keeps the tables of each apart, and asks for no more.
        let of_functions = self
            .stack
            .environment(&self.stack.deployment().functions[0]);
        let (key, region) = (
            &of_functions["AWS_ACCESS_KEY_ID"],
            &of_functions["AWS_REGION"],
        );
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20260302/{region}/dynamodb/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=0"
        );
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client
            .post(self.stack.cloud().endpoints().dynamodb)
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("x-amz-date", "20260302T090000Z")
            .header("authorization", &signed)
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.to_string());
        answer.send().await.unwrap().json().await.unwrap()
    }
}
