import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayInputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PublicKey;
import java.security.cert.CertificateFactory;
import java.util.concurrent.Executors;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** Answers messages whose assertion has a good signature, and prints its address: java HTTPServer.java cert.der answer.xml */
public class HTTPServer {
    static final XMLSignatureFactory SIGNATURES = XMLSignatureFactory.getInstance("DOM");
    static final ThreadLocal<DocumentBuilder> PARSERS = ThreadLocal.withInitial(() -> {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setNamespaceAware(true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            return factory.newDocumentBuilder();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    });

    public static void main(String[] args) throws Exception {
        PublicKey key = CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(Files.readAllBytes(Path.of(args[0])))).getPublicKey();
        byte[] answer = Files.readAllBytes(Path.of(args[1]));
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newFixedThreadPool(16));
        server.createContext("/", exchange -> {
            byte[] message = exchange.getRequestBody().readAllBytes();
            boolean good;
            try {
                good = verify(message, key);
            } catch (Exception e) {
                good = false;
            }
            exchange.getResponseHeaders().set("Content-Type", "text/xml; charset=utf-8");
            exchange.sendResponseHeaders(good ? 200 : 500, answer.length);
            try (OutputStream body = exchange.getResponseBody()) {
                body.write(answer);
            }
        });
        server.start();
        System.out.println("127.0.0.1:" + server.getAddress().getPort());
    }

    static boolean verify(byte[] message, PublicKey key) throws Exception {
        Document document = PARSERS.get().parse(new ByteArrayInputStream(message));
        Element card = (Element) document.getElementsByTagNameNS("urn:oasis:names:tc:SAML:2.0:assertion", "Assertion").item(0);
        card.setIdAttribute("id", true);
        Element signature = (Element) card.getElementsByTagNameNS("http://www.w3.org/2000/09/xmldsig#", "Signature").item(0);
        DOMValidateContext context = new DOMValidateContext(key, signature);
        XMLSignature s = SIGNATURES.unmarshalXMLSignature(context);
        return s.validate(context);
    }
}
