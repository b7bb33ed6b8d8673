import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.apache.cxf.tools.common.ToolContext;
import org.apache.cxf.tools.wsdlto.WSDLToJava;

/**
 * Has Apache CXF make a client from WSDLs, and compiles it.
 *
 * Arguments: a folder for the sources, one for the classes, and addresses of WSDLs and Java sources that use what is made of them.
 */
public final class Generate {
    public static void main(String[] args) throws Exception {
        Path sources = Path.of(args[0]);
        List<String> compiled = new ArrayList<>(List.of("-nowarn", "-proc:none", "-d", args[1], "-cp", System.getProperty("java.class.path")));
        for (String arg : List.of(args).subList(2, args.length)) {
            if (arg.endsWith(".java")) {
                compiled.add(arg);
            } else {
                new WSDLToJava(new String[] {"-d", sources.toString(), arg}).run(new ToolContext());
            }
        }
        try (Stream<Path> made = Files.walk(sources)) {
            made.filter(file -> file.toString().endsWith(".java")).forEach(file -> compiled.add(file.toString()));
        }
        if (ToolProvider.getSystemJavaCompiler().run(null, null, null, compiled.toArray(String[]::new)) != 0) {
            throw new IOException("what CXF made does not compile");
        }
    }
}
