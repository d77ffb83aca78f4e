//! Plans that are made by hand.

use std::collections::BTreeMap;

use stepwell::plan::{Node, NodeId, PLAN_FORMAT, Plan};

/// A plan of these nodes, the first of which is the root, with nothing declared.
pub fn plan_of_nodes(workflow: &str, nodes: Vec<Node>) -> Plan {
    Plan {
        format: PLAN_FORMAT,
        workflow: workflow.into(),
        description: None,
        labels: BTreeMap::new(),
        inputs: Vec::new(),
        output: None,
        settings: Vec::new(),
        output_is_data: false,
        timeout_ms: None,
        secrets: Vec::new(),
        triggers: Vec::new(),
        concurrency: None,
        undo_never: false,
        keep_ms: None,
        task_outputs: Default::default(),
        nodes,
        root: NodeId(0),
    }
}
