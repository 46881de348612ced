//! Joins of all kinds.

use quokka::prelude::*;

use crate::support::{Rows, check, numbers, orders, setting, settings};

const KINDS: [JoinType; 6] =
    [JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full, JoinType::Semi, JoinType::Anti];

#[track_caller]
fn check_join(left_on: &[Expr], right_on: &[Expr], args: &JoinArgs) {
    for (left, right) in [(numbers(), orders()), (numbers().clear(), orders()), (numbers(), orders().clear())] {
        check(
            [&left, &right],
            Rows::AnyOrder,
            |[l, r]| l.join(r, left_on, right_on, args.clone()),
            |[l, r]| l.join(r, left_on, right_on, args.clone()),
        );
    }
}

#[test]
fn by_one_key() {
    for how in KINDS {
        check_join(&[col("key")], &[col("key")], &JoinArgs::new(how));
    }
}

#[test]
fn the_first_rows_are_rows_of_the_join() {
    let (left, right) = (numbers(), orders());
    let text = |frame: &DataFrame| -> Vec<String> {
        let row = |row: usize| -> Vec<String> {
            // However a value lies in memory.
            let value = |column: &Column| format!("{:?}", column.get(row).unwrap().into_static());
            frame.columns().iter().map(value).collect()
        };
        (0..frame.height()).map(|at| row(at).join(", ")).collect()
    };
    for how in [JoinType::Left, JoinType::Right, JoinType::Full, JoinType::Semi, JoinType::Anti] {
        for index in 0..settings() {
            let (name, context) = setting(index);
            let (left, right) = (context.from_df(left.clone()), context.from_df(right.clone()));
            let joined = left.join(right, [col("key")], [col("key")], JoinArgs::new(how.clone()));
            let all = text(&joined.clone().collect().unwrap());
            for rows in [0, 1, 20] {
                let some = text(&joined.clone().limit(rows).collect().unwrap());
                assert_eq!(some.len(), all.len().min(rows as usize), "{how} {name}");
                assert!(some.iter().all(|row| all.contains(row)), "{how} {name}");
            }
        }
    }
}

#[test]
fn by_a_key_with_another_name() {
    for how in KINDS {
        check_join(&[col("id")], &[col("key")], &JoinArgs::new(how));
    }
}

#[test]
fn by_two_keys_of_different_types() {
    for how in KINDS {
        check_join(&[col("key"), col("id")], &[col("key"), col("value")], &JoinArgs::new(how));
    }
}

#[test]
fn by_expressions() {
    for how in KINDS {
        check_join(&[col("id") % lit(10)], &[col("key") + lit(1)], &JoinArgs::new(how));
    }
}

#[test]
fn null_keys_can_be_equal() {
    for how in KINDS {
        let args = JoinArgs { nulls_equal: true, ..JoinArgs::new(how) };
        check_join(&[col("key")], &[col("key")], &args);
    }
}

#[test]
fn keys_are_coalesced_or_kept() {
    for how in [JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full] {
        for coalesce in [JoinCoalesce::CoalesceColumns, JoinCoalesce::KeepColumns] {
            let args = JoinArgs::new(how.clone()).with_coalesce(coalesce).with_suffix(Some("_other".into()));
            check_join(&[col("key")], &[col("key")], &args);
            check_join(&[col("id")], &[col("value")], &args);
        }
    }
}

#[test]
fn the_small_side_is_on_either_side() {
    for how in KINDS {
        let args = JoinArgs::new(how);
        check(
            [&orders(), &numbers()],
            Rows::AnyOrder,
            |[l, r]| l.slice(0, 9).join(r, [col("key")], [col("key")], args.clone()),
            |[l, r]| l.slice(0, 9).join(r, [col("key")], [col("key")], args.clone()),
        );
    }
}

#[test]
fn helpers() {
    let on = || (col("key"), col("key"));
    type Join<S> = fn(S, S, Expr, Expr) -> S;
    let joins: [(Join<DataStream>, Join<polars_lazy::frame::LazyFrame>); 5] = [
        (DataStream::inner_join, |l, r, a, b| l.inner_join(r, a, b)),
        (DataStream::left_join, |l, r, a, b| l.left_join(r, a, b)),
        (DataStream::full_join, |l, r, a, b| l.full_join(r, a, b)),
        (DataStream::semi_join, |l, r, a, b| l.join(r, [a], [b], JoinArgs::new(JoinType::Semi))),
        (DataStream::anti_join, |l, r, a, b| l.join(r, [a], [b], JoinArgs::new(JoinType::Anti))),
    ];
    for (ours, theirs) in joins {
        check(
            [&numbers(), &orders()],
            Rows::AnyOrder,
            |[l, r]| ours(l, r, on().0, on().1),
            |[l, r]| theirs(l, r, on().0, on().1),
        );
    }
}

#[test]
fn every_pair() {
    let (left, right) = (numbers().slice(20, 40), orders().slice(5, 15));
    check(
        [&left, &right],
        Rows::AnyOrder,
        |[l, r]| l.cross_join(r, Some("_r".into())),
        |[l, r]| l.join(r, [], [], JoinArgs::new(JoinType::Cross).with_suffix(Some("_r".into()))),
    );
}

#[test]
fn with_a_condition() {
    let condition = || col("value").gt(col("value_right")).and(col("id").lt(lit(150)));
    check(
        [&numbers(), &orders()],
        Rows::AnyOrder,
        |[l, r]| l.join_builder().with(r).on([col("key")]).condition(condition()).finish(),
        |[l, r]| l.inner_join(r, col("key"), col("key")).filter(condition()),
    );
    check(
        [&numbers().slice(20, 40), &orders().slice(5, 15)],
        Rows::AnyOrder,
        |[l, r]| l.join_builder().with(r).condition(condition()).finish(),
        |[l, r]| l.join(r, [], [], JoinArgs::new(JoinType::Cross)).filter(condition()),
    );
    // A row of the left side is in the semi join or in the anti join, by whether some pair meets the condition.
    let matched = |l: polars_lazy::frame::LazyFrame, r| {
        l.inner_join(r, col("key"), col("key"))
            .filter(condition())
            .select([col("id")])
            .unique(None, UniqueKeepStrategy::Any)
    };
    for how in [JoinType::Semi, JoinType::Anti] {
        check(
            [&numbers(), &orders()],
            Rows::AnyOrder,
            |[l, r]| l.join_builder().with(r).how(how.clone()).on([col("key")]).condition(condition()).finish(),
            |[l, r]| l.clone().join(matched(l, r), [col("id")], [col("id")], JoinArgs::new(how.clone())),
        );
    }
}

#[test]
fn columns_and_rows_that_are_not_needed() {
    for how in KINDS {
        let args = JoinArgs::new(how.clone());
        let predicate = match how {
            JoinType::Right => col("value_right").gt(lit(3)).and(col("key").gt(lit(2))),
            JoinType::Semi | JoinType::Anti => col("value").gt(lit(3)).and(col("key").gt(lit(2))),
            _ => col("value").gt(lit(3)).and(col("key").gt(lit(2))).or(col("value_right").is_null()),
        };
        check(
            [&numbers(), &orders()],
            Rows::AnyOrder,
            |[l, r]| {
                l.join(r, [col("key")], [col("key")], args.clone())
                    .filter(predicate.clone())
                    .select([col("text"), col("key")])
            },
            |[l, r]| {
                l.join(r, [col("key")], [col("key")], args.clone())
                    .filter(predicate.clone())
                    .select([col("text"), col("key")])
            },
        );
        check(
            [&numbers(), &orders()],
            Rows::AnyOrder,
            |[l, r]| l.join(r, [col("key")], [col("key")], args.clone()).select([len()]),
            |[l, r]| l.join(r, [col("key")], [col("key")], args.clone()).select([len()]),
        );
    }
}

#[test]
fn alternatives_over_both_sides() {
    for how in KINDS.into_iter().take(4) {
        let args = JoinArgs::new(how);
        let alternative = |from: i32, name: &'static str| {
            col("value").gt(lit(from)).and(col("name").eq(lit(name))).and(col("value").lt(col("value_right") * lit(3)))
        };
        let predicate = alternative(3, "name 1").or(alternative(10, "name 2")).or(col("value").is_null());
        check(
            [&numbers(), &orders()],
            Rows::AnyOrder,
            |[l, r]| l.join(r, [col("key")], [col("key")], args.clone()).filter(predicate.clone()),
            |[l, r]| l.join(r, [col("key")], [col("key")], args.clone()).filter(predicate.clone()),
        );
    }
}

#[test]
fn trees_of_joins() {
    let names = df!("name" => ["name 1", "name 2", "name 9"], "rank" => [1, 2, 9]).unwrap();
    check(
        [&numbers(), &orders(), &names],
        Rows::AnyOrder,
        |[n, o, r]| {
            let named = o.clone().inner_join(r.clone(), col("name"), col("name"));
            let joined = n.left_join(named, col("key"), col("key"));
            let joined = joined.join(
                o,
                [col("id")],
                [col("key")],
                JoinArgs::new(JoinType::Inner).with_suffix(Some("_o".into())),
            );
            joined.join(r, [col("name_o")], [col("name")], JoinArgs::new(JoinType::Full).with_suffix(Some("_r".into())))
        },
        |[n, o, r]| {
            let named = o.clone().inner_join(r.clone(), col("name"), col("name"));
            let joined = n.left_join(named, col("key"), col("key"));
            let joined = joined.join(
                o,
                [col("id")],
                [col("key")],
                JoinArgs::new(JoinType::Inner).with_suffix(Some("_o".into())),
            );
            joined.join(r, [col("name_o")], [col("name")], JoinArgs::new(JoinType::Full).with_suffix(Some("_r".into())))
        },
    );
}

#[test]
fn with_itself() {
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| {
            t.clone().group_by([col("key")]).agg([col("value").mean().alias("mean")]).inner_join(
                t,
                col("key"),
                col("key"),
            )
        },
        |[t]| {
            t.clone().group_by([col("key")]).agg([col("value").mean().alias("mean")]).inner_join(
                t,
                col("key"),
                col("key"),
            )
        },
    );
}
