import java.io.ByteArrayInputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.List;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.DigestMethod;
import javax.xml.crypto.dsig.SignedInfo;
import javax.xml.crypto.dsig.Transform;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.crypto.dsig.keyinfo.KeyInfo;
import javax.xml.crypto.dsig.keyinfo.KeyInfoFactory;
import javax.xml.crypto.dsig.spec.C14NMethodParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/**
 * The JDK's XML signatures.
 *
 * verify card.xml cert.der: prints valid or invalid.
 * sign card.xml key.der cert.der out.xml: signs the assertion, enveloped, as its last child.
 */
public class XMLDSig {
    static final XMLSignatureFactory SIGNATURES = XMLSignatureFactory.getInstance("DOM");

    public static void main(String[] args) throws Exception {
        Document document = read(args[1]);
        Element card = document.getDocumentElement();
        card.setIdAttribute("id", true);
        if (args[0].equals("verify")) {
            Element signature = (Element) card.getElementsByTagNameNS(XMLSignature.XMLNS, "Signature").item(0);
            DOMValidateContext context = new DOMValidateContext(certificate(args[2]).getPublicKey(), signature);
            context.setProperty("org.jcp.xml.dsig.secureValidation", Boolean.TRUE);
            System.out.println(SIGNATURES.unmarshalXMLSignature(context).validate(context) ? "valid" : "invalid");
            return;
        }
        PrivateKey key = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Files.readAllBytes(Path.of(args[2]))));
        SignedInfo info = SIGNATURES.newSignedInfo(
            SIGNATURES.newCanonicalizationMethod(CanonicalizationMethod.EXCLUSIVE, (C14NMethodParameterSpec) null),
            SIGNATURES.newSignatureMethod("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", null),
            List.of(SIGNATURES.newReference("#IDCard", SIGNATURES.newDigestMethod(DigestMethod.SHA256, null), List.of(
                SIGNATURES.newTransform(Transform.ENVELOPED, (TransformParameterSpec) null),
                SIGNATURES.newTransform(CanonicalizationMethod.EXCLUSIVE, (TransformParameterSpec) null)), null, null)));
        KeyInfoFactory keys = SIGNATURES.getKeyInfoFactory();
        KeyInfo hint = keys.newKeyInfo(List.of(keys.newX509Data(List.of(certificate(args[3])))));
        DOMSignContext context = new DOMSignContext(key, card);
        context.setDefaultNamespacePrefix("ds");
        SIGNATURES.newXMLSignature(info, hint, null, "OCESSignature", null).sign(context);
        Transformer writer = TransformerFactory.newInstance().newTransformer();
        writer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
        try (OutputStream out = Files.newOutputStream(Path.of(args[4]))) {
            writer.transform(new DOMSource(document), new StreamResult(out));
        }
    }

    static Document read(String path) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        return factory.newDocumentBuilder().parse(new ByteArrayInputStream(Files.readAllBytes(Path.of(path))));
    }

    static X509Certificate certificate(String path) throws Exception {
        return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(Files.readAllBytes(Path.of(path))));
    }
}
