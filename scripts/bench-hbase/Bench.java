import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hbase.Cell;
import org.apache.hadoop.hbase.HBaseConfiguration;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.AdvancedScanResultConsumer;
import org.apache.hadoop.hbase.client.AsyncConnection;
import org.apache.hadoop.hbase.client.AsyncTable;
import org.apache.hadoop.hbase.client.CheckAndMutate;
import org.apache.hadoop.hbase.client.ConnectionFactory;
import org.apache.hadoop.hbase.client.Get;
import org.apache.hadoop.hbase.client.Put;
import org.apache.hadoop.hbase.client.Result;
import org.apache.hadoop.hbase.filter.ColumnRangeFilter;
import org.apache.hadoop.hbase.util.Bytes;

/**
 * Java's AsyncTable under test. The same work as workload.ts, the same lines as slice-server.ts: says "ready", measures
 * one slice for each line on its input ("put 64 1"), answers with one line of JSON. Argument: ZooKeeper, host:port.
 */
public final class Bench {
  private static final byte[] FAMILY = Bytes.toBytes("f");
  private static final byte[] VALUE_QUALIFIER = Bytes.toBytes("v");
  private static final byte[] VERSION_QUALIFIER = Bytes.toBytes("n");
  private static final byte[] WIDE_ROW = Bytes.toBytes("wide");
  private static final byte[] VALUE = new byte[100];
  private static final int ROWS = 4096;
  private static final int LANES_MAX = 1024;
  /** Which of the clients this is, by its place in clientNames. */
  private static final int CLIENT = 1;
  private static final int WIDE_CELLS = 5000;
  private static final int WIDE_GET_CELLS = 50;
  private static final long CALL_TIMEOUT_MS = 10_000;

  private final AsyncTable<AdvancedScanResultConsumer> table;
  /** Of each lane's row, as its last conditional put left it. */
  private final long[] versions = new long[LANES_MAX];

  private Bench(AsyncTable<AdvancedScanResultConsumer> table) {
    this.table = table;
  }

  public static void main(String[] args) throws Exception {
    PrintStream answers = System.out;
    System.setOut(System.err); // whatever a library prints is no answer
    Arrays.fill(VALUE, (byte) 'x');
    String[] zookeeper = args[0].split(":");
    Configuration conf = HBaseConfiguration.create();
    conf.set("hbase.zookeeper.quorum", zookeeper[0]);
    conf.set("hbase.zookeeper.property.clientPort", zookeeper[1]);
    try (AsyncConnection connection = ConnectionFactory.createAsyncConnection(conf).get()) {
      Bench bench =
          new Bench(
              connection
                  .getTableBuilder(TableName.valueOf("bench"))
                  .setOperationTimeout(CALL_TIMEOUT_MS, TimeUnit.MILLISECONDS)
                  .build());
      answers.println("ready");
      BufferedReader slices = new BufferedReader(new InputStreamReader(System.in));
      for (String line = slices.readLine(); line != null; line = slices.readLine()) {
        answers.println(bench.answerTo(line.split(" ")));
      }
    }
  }

  private String answerTo(String[] slice) {
    try {
      return measure(slice[0], Integer.parseInt(slice[1]), Double.parseDouble(slice[2]));
    } catch (Exception failure) {
      failure.printStackTrace();
      return "{\"error\":\"" + failure.toString().replaceAll("[^\\w .:()-]", " ") + "\"}";
    }
  }

  /** Latencies of one lane, in nanoseconds: grows as it fills. */
  private static final class Latencies {
    long[] nanos = new long[1024];
    int count = 0;

    void add(long value) {
      if (count == nanos.length) nanos = Arrays.copyOf(nanos, count * 2);
      nanos[count++] = value;
    }
  }

  private String measure(String operation, int inFlight, double seconds) throws Exception {
    Latencies[] lanes = new Latencies[inFlight];
    CompletableFuture<?>[] ends = new CompletableFuture<?>[inFlight];
    long cpuBefore = cpuNanos();
    long begun = System.nanoTime();
    long end = begun + (long) (seconds * 1e9);
    for (int lane = 0; lane < inFlight; lane++) {
      lanes[lane] = new Latencies();
      CompletableFuture<Void> done = new CompletableFuture<>();
      ends[lane] = done;
      run(operation, lane, 0, end, lanes[lane], done);
    }
    CompletableFuture.allOf(ends).get();
    double elapsedSeconds = (System.nanoTime() - begun) / 1e9;
    long cpu = cpuNanos() - cpuBefore;
    long[] all = Arrays.stream(lanes).flatMapToLong(lane -> Arrays.stream(lane.nanos, 0, lane.count)).sorted().toArray();
    double p99Ms = all.length == 0 ? 0 : all[(int) (all.length * 0.99)] / 1e6;
    return String.format(
        Locale.ROOT,
        "{\"opsPerSecond\":%.1f,\"p99Ms\":%.3f,\"cpuMicros\":%.3f}",
        all.length / elapsedSeconds,
        p99Ms,
        cpu / 1e3 / Math.max(1, all.length));
  }

  /** One operation, and from its completion the next, until time is up. */
  private void run(
      String operation, int lane, int turn, long end, Latencies latencies, CompletableFuture<Void> done) {
    long from = System.nanoTime();
    if (from >= end) {
      done.complete(null);
      return;
    }
    operate(operation, lane, turn)
        .whenComplete(
            (ignored, failure) -> {
              if (failure != null) {
                done.completeExceptionally(failure);
                return;
              }
              latencies.add(System.nanoTime() - from);
              run(operation, lane, turn + 1, end, latencies, done);
            });
  }

  private CompletableFuture<?> operate(String operation, int lane, int turn) {
    switch (operation) {
      case "put":
        return table.put(new Put(sharedRow(lane, turn)).addColumn(FAMILY, VALUE_QUALIFIER, VALUE));
      case "conditionalPut":
        return conditionalPut(lane);
      case "get":
        return table.get(new Get(sharedRow(lane, turn))).thenAccept(Bench::checkValue);
      case "wideGet":
        return wideGet(lane, turn);
      default:
        throw new IllegalArgumentException("not an operation: " + operation);
    }
  }

  private CompletableFuture<?> conditionalPut(int lane) {
    byte[] row = rowKey(ROWS + CLIENT * LANES_MAX + lane);
    long version = versions[lane];
    Put put =
        new Put(row)
            .addColumn(FAMILY, VERSION_QUALIFIER, Bytes.toBytes(version + 1))
            .addColumn(FAMILY, VALUE_QUALIFIER, VALUE);
    CheckAndMutate conditional =
        CheckAndMutate.newBuilder(row).ifEquals(FAMILY, VERSION_QUALIFIER, Bytes.toBytes(version)).build(put);
    return table
        .checkAndMutate(conditional)
        .thenAccept(
            result -> {
              if (!result.isSuccess()) throw new IllegalStateException("a conditional put that had to win did not");
              versions[lane] = version + 1;
            });
  }

  private CompletableFuture<?> wideGet(int lane, int turn) {
    Get get =
        new Get(WIDE_ROW)
            .addFamily(FAMILY)
            .setFilter(new ColumnRangeFilter(wideFrom(lane, turn), true, null, false))
            .setMaxResultsPerColumnFamily(WIDE_GET_CELLS);
    return table.get(get).thenAccept(Bench::checkWideCells);
  }

  private static void checkValue(Result result) {
    byte[] value = result.getValue(FAMILY, VALUE_QUALIFIER);
    if (value == null || value.length != VALUE.length) throw new IllegalStateException("a row is not what was put");
  }

  private static void checkWideCells(Result result) {
    int bytes = 0;
    for (Cell cell : result.rawCells()) bytes += cell.getQualifierLength() + cell.getValueLength();
    if (bytes != WIDE_GET_CELLS * (8 + VALUE.length)) {
      throw new IllegalStateException("read " + bytes + " bytes of the wide row");
    }
  }

  private static byte[] sharedRow(int lane, int turn) {
    return rowKey((lane + turn * 257) % ROWS);
  }

  private static byte[] rowKey(int index) {
    byte[] key = new byte[12];
    Arrays.fill(key, (byte) 'r');
    ByteBuffer.wrap(key).putShort(0, (short) (index * 40_503)).putInt(8, index);
    return key;
  }

  private static byte[] wideFrom(int lane, int turn) {
    int from = (lane * 131 + turn * 50) % (WIDE_CELLS - WIDE_GET_CELLS);
    return Bytes.toBytes((long) from);
  }

  private static long cpuNanos() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }
}
