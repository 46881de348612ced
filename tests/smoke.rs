use quokka::prelude::*;

#[test]
fn smoke() {
    for workers in [1, 2, 4] {
        let context = Context::builder().workers(workers).build().unwrap();
        let frame = df!("k" => [1, 2, 1, 3], "v" => [10, 20, 30, 40]).unwrap();
        let stream = context.from_df(frame.clone());
        println!("{}", stream.clone().group_by([col("k")]).agg([col("v").sum()]).sort(["k"], Default::default()).explain().unwrap());
        assert_eq!(stream.clone().collect().unwrap(), frame);
        let sums = stream.clone().filter(col("v").gt(lit(10))).group_by([col("k")]).agg([col("v").sum()]).sort(["k"], Default::default()).collect().unwrap();
        assert_eq!(sums, df!("k" => [1, 2, 3], "v" => [30, 20, 40]).unwrap());
        let other = context.from_df(df!("k" => [1, 3], "name" => ["a", "b"]).unwrap());
        let joined = stream.inner_join(other, col("k"), col("k"));
        println!("{}", joined.explain().unwrap());
        println!("{}", joined.collect().unwrap());
    }
}
