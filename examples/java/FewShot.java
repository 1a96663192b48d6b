/* An exported learner in Java: adapts to the task of expected.safetensors, and prints a row of answers for each query.
 *
 *     java -cp onnxruntime-1.22.0.jar examples/java/FewShot.java exported/hanzi
 */
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

public class FewShot {
  static final Map<String, OnnxJavaType> TYPES =
      Map.of("F32", OnnxJavaType.FLOAT, "I64", OnnxJavaType.INT64, "I32", OnnxJavaType.INT32, "U8", OnnxJavaType.UINT8);

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    ByteBuffer task = ByteBuffer.wrap(Files.readAllBytes(folder.resolve("expected.safetensors")));
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (var session = environment.createSession(folder.resolve("onnx/few_shot.onnx").toString())) {
      var feeds = new HashMap<String, OnnxTensor>();
      for (String name : session.getInputNames()) feeds.put(name, read(environment, task, name));
      try (var found = session.run(feeds)) {
        var answers = (float[][]) found.get("probabilities").or(() -> found.get("mean")).get().getValue();
        System.out.println("status " + found.get("status").get().getValue());
        for (float[] row : answers) System.out.println(Arrays.toString(row));
      }
    }
  }

  /** A tensor of a safetensors file: the length of its header, the header in JSON, the values. */
  static OnnxTensor read(OrtEnvironment environment, ByteBuffer file, String name) throws Exception {
    int start = 8 + (int) file.order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    String header = new String(file.array(), 8, start - 8, StandardCharsets.UTF_8);
    String entry = "\"dtype\":\"(\\w+)\",\"shape\":\\[([\\d,]*)],\"data_offsets\":\\[(\\d+),(\\d+)]";
    Matcher found = Pattern.compile(Pattern.quote("\"" + name + "\":{") + entry).matcher(header);
    if (!found.find()) throw new IllegalArgumentException("expected.safetensors has no " + name);
    long[] shape = Stream.of(found.group(2).split(",")).filter(n -> !n.isEmpty()).mapToLong(Long::parseLong).toArray();
    int from = Integer.parseInt(found.group(3)), to = Integer.parseInt(found.group(4));
    var values = ByteBuffer.allocateDirect(to - from).order(ByteOrder.LITTLE_ENDIAN);
    values.put(file.array(), start + from, to - from).rewind();
    return OnnxTensor.createTensor(environment, values, shape, TYPES.get(found.group(1)));
  }
}
