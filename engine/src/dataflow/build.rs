//! Wires the nodes of a plan into one timely dataflow.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, ParallelizationContract};
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::{InputHandleCore, OutputBuilder};
use timely::dataflow::operators::{Capability, CapabilitySet};
use timely::dataflow::{Scope, Stream};
use timely::progress::frontier::MutableAntichain;
use timely::progress::operate::FrontierInterest;
use timely::scheduling::Activator;
use timely::worker::Worker;

use super::chain::Chain;
use super::channel::{Core, NodeChannel, Outcome, Reading, panic_error};
use super::parcel::{Parcel, RouteWhole, route_whole};
use super::receive::{Credit, Receive};
use super::ship::Ship;
use super::watch::{Tally, Watch};
use crate::error::{Error, OperatorError};
use crate::operator::WorkerContext;
use crate::physical::physical_schema;
use crate::plan::{Head, Node, PhysicalPlan};
use crate::pool::{QueryRun, SplitQueue};

/// One time is enough for a batch query; what is in flight is bounded by credit, not by times.
type Time = u64;
type ParcelPact = timely::dataflow::channels::pact::DistributorPact<fn(usize) -> RouteWhole>;
type ParcelInput = InputHandleCore<Time, Parcel, <ParcelPact as ParallelizationContract<Time, Parcel>>::Puller>;
type CreditPact = Exchange<Credit, fn(&Credit) -> u64>;
type CreditInput =
    InputHandleCore<Time, Vec<Credit>, <CreditPact as ParallelizationContract<Time, Vec<Credit>>>::Puller>;
type ParcelOutput = OutputBuilder<Time, CapacityContainerBuilder<Parcel>>;
type CreditOutput = OutputBuilder<Time, CapacityContainerBuilder<Vec<Credit>>>;

/// Where a node's failure is reported.
pub(super) type Report = Rc<dyn Fn(Error)>;

/// A node of the dataflow while its edges are being connected.
struct Wiring<'scope> {
    builder: OperatorBuilder<'scope, Time>,
    parcel_inputs: Vec<ParcelInput>,
    credit_outputs: Vec<CreditOutput>,
    parcel_outputs: Vec<ParcelOutput>,
    credit_inputs: Vec<CreditInput>,
}

/// Builds the plan of `run` on this worker and returns the dataflow's index.
///
/// Every worker builds the same operators and channels in the same order, whatever fails: a node that could not be made
/// stands there without effect, and its error is reported.
pub(super) fn build(worker: &mut Worker, run: &Arc<QueryRun>, context: WorkerContext, report: &Report) -> usize {
    let index = worker.next_dataflow_index();
    let plan = &run.plan;
    worker.dataflow_named::<Time, _, _>("query", |scope| {
        let mut wirings: Vec<Wiring<'_>> = Vec::with_capacity(plan.nodes.len());
        // Streams of each node that no later node has taken yet, one an edge, in the order of their readers.
        let mut parcels: Vec<Vec<Stream<'_, Time, Parcel>>> = Vec::with_capacity(plan.nodes.len());
        let mut credits = Vec::new();
        let readers = readers(plan);
        for (node, readers) in plan.nodes.iter().zip(&readers) {
            let (wiring, outputs, owed) = wire(scope, node, readers.len(), &mut parcels);
            wirings.push(wiring);
            parcels.push(outputs);
            credits.extend(node.inputs.iter().map(|input| input.from).zip(owed));
        }
        // Credit flows against the plan's order. Its input is connected to no output, so that progress tracking sees no
        // cycle.
        for (sender, stream) in credits {
            let wiring = &mut wirings[sender];
            let pact: CreditPact = Exchange::new(|credit: &Credit| credit.0);
            let port = wiring.builder.shape().inputs();
            let input = wiring.builder.new_input_connection(stream, pact, []);
            wiring.builder.set_notify_for(port, FrontierInterest::Never);
            wiring.credit_inputs.push(input);
        }
        for (position, wiring) in wirings.into_iter().enumerate() {
            let channel = make_channel(run, position, &readers[position], context)
                .inspect_err(|source| {
                    report(Error::Operator {
                        operator: plan.nodes[position].name(),
                        worker: context.worker,
                        split: None,
                        source: source.clone(),
                    })
                })
                .ok();
            let watch = Watch::new(run, position, &plan.nodes[position].name(), &context);
            install(scope, wiring, channel, plan.nodes[position].gates.clone(), watch, report.clone());
        }
    });
    index
}

/// For each node the edges that read from it, as (reader, input of the reader), in plan order.
fn readers(plan: &PhysicalPlan) -> Vec<Vec<(usize, usize)>> {
    let mut readers = vec![Vec::new(); plan.nodes.len()];
    for (reader, node) in plan.nodes.iter().enumerate() {
        for (input, edge) in node.inputs.iter().enumerate() {
            readers[edge.from].push((reader, input));
        }
    }
    readers
}

type Wired<'scope> = (Wiring<'scope>, Vec<Stream<'scope, Time, Parcel>>, Vec<Stream<'scope, Time, Vec<Credit>>>);

/// Adds a node with its inputs and outputs; its credit inputs follow later.
fn wire<'scope>(
    scope: Scope<'scope, Time>,
    node: &Node,
    readers: usize,
    parcels: &mut [Vec<Stream<'scope, Time, Parcel>>],
) -> Wired<'scope> {
    let mut builder = OperatorBuilder::new(node.name(), scope);
    let mut parcel_inputs = Vec::with_capacity(node.inputs.len());
    for input in &node.inputs {
        let stream = parcels[input.from].remove(0);
        parcel_inputs.push(builder.new_input::<Parcel, ParcelPact>(stream, route_whole()));
    }
    let mut parcel_outputs = Vec::with_capacity(readers);
    let mut outputs = Vec::with_capacity(readers);
    for _ in 0..readers {
        let (output, stream) = builder.new_output::<Parcel>();
        parcel_outputs.push(ParcelOutput::from(output));
        outputs.push(stream);
    }
    let mut credit_outputs = Vec::with_capacity(node.inputs.len());
    let mut owed = Vec::with_capacity(node.inputs.len());
    for _ in &node.inputs {
        let (output, stream) = builder.new_output_connection::<Vec<Credit>, _>([]);
        credit_outputs.push(CreditOutput::from(output));
        owed.push(stream);
    }
    let wiring = Wiring { builder, parcel_inputs, credit_outputs, parcel_outputs, credit_inputs: Vec::new() };
    (wiring, outputs, owed)
}

/// Creates the head, fused operators, receives and ships of a node on this worker.
fn make_channel(
    run: &Arc<QueryRun>,
    position: usize,
    readers: &[(usize, usize)],
    context: WorkerContext,
) -> Result<NodeChannel, OperatorError> {
    let make = || {
        let plan = &run.plan;
        let node = &plan.nodes[position];
        let mut operators = Vec::with_capacity(node.fused.len() + 1);
        let core = match &node.head {
            Head::Source(source) => {
                let splits = match &run.splits[position] {
                    Some(splits) if node.channels.contains(context.worker) => splits.clone(),
                    _ => Arc::new(SplitQueue::empty()),
                };
                Core::Source(Reading::new(source.clone(), splits))
            },
            Head::Operator(factory) => {
                operators.push(factory.create(&context)?);
                Core::Operator
            },
            Head::Sink(factory) => {
                let run = run.clone();
                let on_finish = Box::new(move || run.sink_finished());
                Core::Sink { sink: factory.create(&context)?, finished: false, on_finish }
            },
        };
        for factory in &node.fused {
            operators.push(factory.create(&context)?);
        }
        let inputs = match &node.head {
            Head::Source(_) => 1,
            _ => node.inputs.len(),
        };
        let receive = |from: usize| Receive::new(physical_schema(&plan.nodes[from].schema), context.worker);
        let ship = |(reader, input): &(usize, usize)| {
            let reader = &plan.nodes[*reader];
            Ship::new(reader.inputs[*input].partitioning.clone(), reader.channels.clone(), context)
        };
        Ok(NodeChannel {
            name: node.name(),
            context,
            core,
            chain: Chain::new(operators, inputs, context.worker, run.metrics[position].clone()),
            receives: node.inputs.iter().map(|input| receive(input.from)).collect(),
            ships: readers.iter().map(ship).collect(),
            gates: node.gates.clone(),
            metrics: run.metrics[position].clone(),
            tally: Tally::default(),
        })
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(make))
        .unwrap_or_else(|panic| Err(panic_error(panic.as_ref())))
}

/// Hands the node to timely.
fn install<'scope>(
    scope: Scope<'scope, Time>,
    wiring: Wiring<'scope>,
    channel: Option<NodeChannel>,
    gates: Vec<Arc<crate::gate::Gate>>,
    watch: Watch,
    report: Report,
) {
    let Wiring { builder, parcel_inputs, credit_outputs, parcel_outputs, credit_inputs } = wiring;
    let address = builder.operator_info().address;
    let activator = scope.activator_for(address.clone());
    for gate in gates {
        let wake = scope.worker().sync_activator_for(address.to_vec());
        gate.subscribe(move || {
            // An error means that the worker has gone, and with it the node that waits.
            let _ = wake.activate();
        });
    }
    builder.build_reschedule(move |mut capabilities| {
        capabilities.truncate(parcel_outputs.len());
        let failed = channel.is_none();
        let mut node = Installed {
            channel,
            failed,
            capabilities,
            parcel_inputs,
            credit_outputs,
            parcel_outputs,
            credit_inputs,
            activator,
            watch,
            report,
        };
        move |frontiers: &[MutableAntichain<Time>]| node.schedule(frontiers)
    });
}

/// A node as timely sees it.
struct Installed {
    /// `None` once it has finished or failed.
    channel: Option<NodeChannel>,
    /// A node that failed keeps its capabilities, so that nobody takes its silence for completion, until the dataflow is
    /// dropped.
    failed: bool,
    capabilities: Vec<Capability<Time>>,
    parcel_inputs: Vec<ParcelInput>,
    credit_outputs: Vec<CreditOutput>,
    parcel_outputs: Vec<ParcelOutput>,
    credit_inputs: Vec<CreditInput>,
    activator: Activator,
    watch: Watch,
    report: Report,
}

impl Installed {
    /// Returns whether the node must be kept.
    fn schedule(&mut self, frontiers: &[MutableAntichain<Time>]) -> bool {
        let Some(channel) = &mut self.channel else {
            self.parcel_inputs.iter_mut().for_each(|input| input.for_each(|_, parcel| drop(std::mem::take(parcel))));
            self.credit_inputs.iter_mut().for_each(|input| input.for_each(|_, credits| credits.clear()));
            return self.failed;
        };
        let start = Instant::now();
        let metrics = channel.metrics.clone();
        for (position, input) in self.parcel_inputs.iter_mut().enumerate() {
            let receive = &mut channel.receives[position];
            input.for_each(|_, parcel| receive.arrive(std::mem::take(parcel)));
            if frontiers[position].is_empty() {
                receive.close();
            }
        }
        for (ship, input) in channel.ships.iter_mut().zip(&mut self.credit_inputs) {
            input.for_each(|_, credits| {
                credits.drain(..).for_each(|(_, from, bytes)| ship.credit(from as usize, bytes))
            });
        }
        let outcome = loop {
            let outcome = self.watch.during(|| channel.run());
            let mut sent = 0;
            for ((ship, output), capability) in
                channel.ships.iter_mut().zip(&mut self.parcel_outputs).zip(&self.capabilities)
            {
                let mut output = output.activate();
                let mut session = output.session(capability);
                ship.dispatch(|mut parcel| {
                    session.give_container(&mut parcel);
                    sent += 1;
                });
            }
            if sent == 0 || !matches!(outcome, Ok(Outcome::Waiting)) {
                break outcome;
            }
        };
        for (receive, output) in channel.receives.iter_mut().zip(&mut self.credit_outputs) {
            let mut output = output.activate();
            // Credit makes no progress claims: an empty stamp costs no progress traffic.
            let nothing = CapabilitySet::new();
            output.session(&nothing).give_iterator(receive.take_credits());
        }
        metrics.worked(start.elapsed());
        match outcome {
            Ok(Outcome::Yielded) => self.activator.activate(),
            Ok(Outcome::Waiting) => {},
            Ok(Outcome::Finished) => {
                self.watch.finished(channel.tally);
                self.capabilities.clear();
                self.channel = None;
                return false;
            },
            Err(error) => {
                self.watch.failed(&error);
                self.channel = None;
                self.failed = true;
                (self.report)(error);
            },
        }
        true
    }
}
