import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.apache.wss4j.common.WSEncryptionPart;
import org.apache.wss4j.common.crypto.Merlin;
import org.apache.wss4j.dom.WSConstants;
import org.apache.wss4j.dom.WSDataRef;
import org.apache.wss4j.dom.engine.WSSConfig;
import org.apache.wss4j.dom.engine.WSSecurityEngine;
import org.apache.wss4j.dom.engine.WSSecurityEngineResult;
import org.apache.wss4j.dom.handler.RequestData;
import org.apache.wss4j.dom.handler.WSHandlerResult;
import org.apache.wss4j.dom.message.WSSecHeader;
import org.apache.wss4j.dom.message.WSSecSignature;
import org.apache.wss4j.dom.message.WSSecTimestamp;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/**
 * A client of OIO IDWS made of Apache WSS4J: it signs a call with a holder-of-key token, sends it and verifies the signed answer.
 *
 * Arguments: endpoint, action, file with the token (a signed saml:Assertion), PKCS #12 file of the holder's key, its password, file with
 * the certificate (PEM) that may sign answers, "11" or "12" for the SOAP version. The body element comes on standard input. Printed are the
 * HTTP status, the local names of the elements that the signature of the answer covers, and the answer.
 */
public final class Idws {
    private static final String WSA = "http://www.w3.org/2005/08/addressing";
    private static final String WSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd";

    public static void main(String[] args) throws Exception {
        String endpoint = args[0];
        String action = args[1];
        byte[] token = Files.readAllBytes(Path.of(args[2]));
        char[] password = args[4].toCharArray();
        boolean soap12 = args[6].equals("12");
        byte[] body = System.in.readAllBytes();
        WSSConfig.init();

        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (FileInputStream in = new FileInputStream(args[3])) {
            keys.load(in, password);
        }
        Merlin holder = new Merlin();
        holder.setKeyStore(keys);

        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (FileInputStream in = new FileInputStream(args[5])) {
            trusted.setCertificateEntry("service", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        Merlin service = new Merlin();
        service.setKeyStore(trusted);

        String message = UUID.randomUUID().toString();
        Document request = envelope(soap12, endpoint, action, "urn:uuid:" + message, body);
        sign(request, parse(token).getDocumentElement(), holder, password, keys.aliases().nextElement());

        HttpRequest.Builder post = HttpRequest.newBuilder(URI.create(endpoint)).POST(HttpRequest.BodyPublishers.ofByteArray(bytes(request)));
        if (soap12) {
            post.header("Content-Type", "application/soap+xml; charset=utf-8; action=\"" + action + "\"");
        } else {
            post.header("Content-Type", "text/xml; charset=utf-8").header("SOAPAction", "\"" + action + "\"");
        }
        HttpResponse<byte[]> response = HttpClient.newHttpClient().send(post.build(), HttpResponse.BodyHandlers.ofByteArray());
        Document answer = parse(response.body());
        System.out.println(response.statusCode());
        System.out.println(String.join(" ", covered(answer, service)));
        System.out.println(new String(response.body(), StandardCharsets.UTF_8));
        String related = answer.getElementsByTagNameNS(WSA, "RelatesTo").item(0).getTextContent();
        if (!related.equals("urn:uuid:" + message)) {
            throw new IllegalStateException("RelatesTo names another message");
        }
    }

    private static Document envelope(boolean soap12, String endpoint, String action, String id, byte[] body) throws Exception {
        String soap = soap12 ? "http://www.w3.org/2003/05/soap-envelope" : "http://schemas.xmlsoap.org/soap/envelope/";
        String text = "<S:Envelope xmlns:S=\"" + soap + "\"><S:Header xmlns:wsa=\"" + WSA + "\">"
            + "<wsa:MessageID>" + id + "</wsa:MessageID><wsa:Action>" + action + "</wsa:Action><wsa:To>" + endpoint + "</wsa:To>"
            + (soap12 ? "" : "<sbf:Framework xmlns:sbf=\"urn:liberty:sb\" version=\"2.0\"/>")
            + "</S:Header><S:Body>" + new String(body, StandardCharsets.UTF_8) + "</S:Body></S:Envelope>";
        return parse(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Signs every header, the Body, the Timestamp and, through a SecurityTokenReference, the token. */
    private static void sign(Document doc, Element token, Merlin holder, char[] password, String alias) throws Exception {
        Element header = (Element) doc.getDocumentElement().getFirstChild();
        String soap = doc.getDocumentElement().getNamespaceURI();
        List<WSEncryptionPart> parts = new ArrayList<>();
        for (Element e = (Element) header.getFirstChild(); e != null; e = (Element) e.getNextSibling()) {
            parts.add(new WSEncryptionPart(e.getLocalName(), e.getNamespaceURI(), "Element"));
        }
        parts.add(new WSEncryptionPart("Body", soap, "Element"));
        parts.add(new WSEncryptionPart("Timestamp", WSConstants.WSU_NS, "Element"));

        WSSecHeader security = new WSSecHeader(doc);
        security.insertSecurityHeader();
        WSSecTimestamp timestamp = new WSSecTimestamp(security);
        timestamp.setTimeToLive(300);
        timestamp.build();
        Element assertion = (Element) doc.importNode(token, true);
        security.getSecurityHeaderElement().appendChild(assertion);
        assertion.setIdAttributeNS(null, "ID", true);
        String id = assertion.getAttribute("ID");
        security.getSecurityHeaderElement().appendChild(reference(doc, id));

        WSSecSignature signature = new WSSecSignature(security);
        signature.setUserInfo(alias, new String(password));
        signature.setKeyIdentifierType(WSConstants.CUSTOM_KEY_IDENTIFIER);
        signature.setCustomTokenValueType(WSConstants.WSS_SAML2_KI_VALUE_TYPE);
        signature.setCustomTokenId(id);
        signature.setSignatureAlgorithm(WSConstants.RSA_SHA256);
        signature.setDigestAlgo(WSConstants.SHA256);
        WSEncryptionPart whole = new WSEncryptionPart("STRTransform", null, "Element");
        whole.setId("str-1");
        parts.add(whole);
        signature.getParts().addAll(parts);
        signature.build(holder);
    }

    private static Element reference(Document doc, String id) {
        Element str = doc.createElementNS(WSConstants.WSSE_NS, "wsse:SecurityTokenReference");
        str.setAttributeNS("http://www.w3.org/2000/xmlns/", "xmlns:wsse", WSConstants.WSSE_NS);
        str.setAttributeNS("http://www.w3.org/2000/xmlns/", "xmlns:wsu", WSConstants.WSU_NS);
        str.setAttributeNS("http://www.w3.org/2000/xmlns/", "xmlns:wsse11", WSSE11);
        str.setAttributeNS(WSConstants.WSU_NS, "wsu:Id", "str-1");
        str.setIdAttributeNS(WSConstants.WSU_NS, "Id", true);
        str.setAttributeNS(WSSE11, "wsse11:TokenType", WSConstants.WSS_SAML2_TOKEN_TYPE);
        Element key = doc.createElementNS(WSConstants.WSSE_NS, "wsse:KeyIdentifier");
        key.setAttributeNS(null, "ValueType", WSConstants.WSS_SAML2_KI_VALUE_TYPE);
        key.setTextContent(id);
        str.appendChild(key);
        return str;
    }

    /** Verifies the answer's signature against the trusted certificate and returns what it covers. */
    private static List<String> covered(Document answer, Merlin service) throws Exception {
        RequestData data = new RequestData();
        data.setSigVerCrypto(service);
        WSHandlerResult results = new WSSecurityEngine().processSecurityHeader(answer, data);
        List<String> names = new ArrayList<>();
        for (WSSecurityEngineResult result : results.getResults()) {
            if (result.get(WSSecurityEngineResult.TAG_DATA_REF_URIS) == null) {
                continue;
            }
            X509Certificate signer = (X509Certificate) result.get(WSSecurityEngineResult.TAG_X509_CERTIFICATE);
            if (signer == null) {
                throw new IllegalStateException("no signer");
            }
            for (Object reference : (List<?>) result.get(WSSecurityEngineResult.TAG_DATA_REF_URIS)) {
                names.add(((WSDataRef) reference).getName().getLocalPart());
            }
        }
        return names;
    }

    private static Document parse(byte[] text) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        return factory.newDocumentBuilder().parse(new ByteArrayInputStream(text));
    }

    private static byte[] bytes(Document doc) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        var writer = TransformerFactory.newInstance().newTransformer();
        writer.setOutputProperty("omit-xml-declaration", "yes");
        writer.transform(new DOMSource(doc), new StreamResult(out));
        return out.toByteArray();
    }
}
