use polars_core::schema::Schema;
use polars_error::PolarsResult;
use polars_plan::constants::{get_pl_element_name, get_pl_structfields_name};
use polars_plan::plans::{
    AExpr, OptimizationRule, OptimizeExprContext, SimplifyExprRule, ToFieldContext, TypeCoercionRule,
};
use polars_utils::arena::{Arena, Node};

/// Simplifies the expressions below `roots` and inserts the casts that Polars' kernels need, by Polars' rules.
///
/// The order is that of Polars' own conversion of a plan (`ConversionOptimizer`), as results depend on it: the inputs
/// of a root, then the root and all below it again; parents before their inputs, each node until nothing changes. What `list().eval(..)` and `struct_().with_fields(..)` evaluate sees the input's schema
/// with one more column, the element or the struct.
pub(super) fn coerce(
    arena: &mut Arena<AExpr>,
    roots: impl IntoIterator<Item = Node>,
    schema: &Schema,
) -> PolarsResult<()> {
    let context = OptimizeExprContext { has_inputs: true, ..Default::default() };
    let mut extended: Vec<Schema> = Vec::new();
    let mut stack: Vec<(Node, Option<usize>)> = Vec::new();
    let mut inputs = Vec::new();
    for root in roots {
        stack.push((root, None));
        arena.get(root).inputs_rev_strict(&mut inputs);
        stack.extend(inputs.drain(..).map(|input| (input, None)));
    }

    while let Some((node, scope)) = stack.pop() {
        if matches!(arena.get(node), AExpr::Column(_) | AExpr::Literal(_) | AExpr::Len) {
            continue;
        }
        if let Some((evaluated, inner)) =
            nested_scope(arena, node, scope.and_then(|scope| extended.get(scope)).unwrap_or(schema))?
        {
            extended.push(inner);
            stack.extend(evaluated.into_iter().map(|node| (node, Some(extended.len() - 1))));
        }
        let schema = scope.and_then(|scope| extended.get(scope)).unwrap_or(schema);
        while let Some(simpler) = (SimplifyExprRule {}).optimize_expr(arena, node, schema, context)? {
            arena.replace(node, simpler);
        }
        while let Some(coerced) = (TypeCoercionRule {}).optimize_expr(arena, node, schema, context)? {
            arena.replace(node, coerced);
        }
        arena.get(node).inputs_rev_strict(&mut inputs);
        stack.extend(inputs.drain(..).map(|input| (input, scope)));
    }
    Ok(())
}

/// The expressions that `node` evaluates on something other than its input, and the schema that they see.
fn nested_scope(arena: &Arena<AExpr>, node: Node, schema: &Schema) -> PolarsResult<Option<(Vec<Node>, Schema)>> {
    let context = ToFieldContext::new(arena, schema);
    Ok(match arena.get(node) {
        AExpr::Eval { expr, evaluation, variant } => {
            let dtype = arena.get(*expr).to_dtype(&context)?;
            let mut inner = schema.clone();
            inner.insert(get_pl_element_name(), variant.element_dtype(&dtype)?.clone());
            Some((vec![*evaluation], inner))
        },
        AExpr::StructEval { expr, evaluation } => {
            let mut inner = schema.clone();
            inner.insert(get_pl_structfields_name(), arena.get(*expr).to_dtype(&context)?);
            Some((evaluation.iter().map(|output| output.node()).collect(), inner))
        },
        _ => None,
    })
}
