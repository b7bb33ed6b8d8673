import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PublicKey;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** Prints how many seconds the JDK needs to parse a message and verify the signature of its assertion: java XMLDSig.java message.xml cert.der */
public class XMLDSig {
    static final XMLSignatureFactory SIGNATURES = XMLSignatureFactory.getInstance("DOM");

    public static void main(String[] args) throws Exception {
        byte[] message = Files.readAllBytes(Path.of(args[0]));
        PublicKey key = CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(Files.readAllBytes(Path.of(args[1])))).getPublicKey();
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        DocumentBuilder parser = factory.newDocumentBuilder();
        for (int i = 0; i < 20000; i++) verify(parser, message, key); // the compiler of the JVM settles
        double[] samples = new double[41];
        for (int s = 0; s < samples.length; s++) {
            long started = System.nanoTime();
            for (int i = 0; i < 200; i++) verify(parser, message, key);
            samples[s] = (System.nanoTime() - started) / 200e9;
        }
        Arrays.sort(samples);
        System.out.println(samples[samples.length / 2]);
    }

    static void verify(DocumentBuilder parser, byte[] message, PublicKey key) throws Exception {
        Document document = parser.parse(new ByteArrayInputStream(message));
        Element card = (Element) document.getElementsByTagNameNS("urn:oasis:names:tc:SAML:2.0:assertion", "Assertion").item(0);
        card.setIdAttribute("id", true);
        Element signature = (Element) card.getElementsByTagNameNS("http://www.w3.org/2000/09/xmldsig#", "Signature").item(0);
        XMLSignature s = SIGNATURES.unmarshalXMLSignature(new DOMValidateContext(key, signature));
        if (!s.validate(new DOMValidateContext(key, signature))) throw new IllegalStateException("the signature is not valid");
    }
}
