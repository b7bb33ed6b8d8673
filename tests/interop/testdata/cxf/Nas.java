import dk.nsi._2012._12.nas.idlist.CreateIDListRequest;
import dk.nsi._2012._12.nas.idlist.DestroyIDListRequest;
import dk.nsi._2012._12.nas.idlist.IDList;
import dk.nsi._2012._12.nas.idlist.IDListService;
import dk.nsi.advis.v10.IDFilter;
import dk.nsi.advis.v10.NotifyContent;
import jakarta.xml.bind.JAXBElement;
import jakarta.xml.ws.BindingProvider;
import jakarta.xml.ws.soap.SOAPFaultException;
import jakarta.xml.ws.wsaddressing.W3CEndpointReference;
import jakarta.xml.ws.wsaddressing.W3CEndpointReferenceBuilder;
import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import javax.xml.namespace.QName;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.dom.DOMResult;
import org.apache.cxf.headers.Header;
import org.oasis_open.docs.wsn.b_2.FilterType;
import org.oasis_open.docs.wsn.b_2.GetMessages;
import org.oasis_open.docs.wsn.b_2.NotificationMessageHolderType;
import org.oasis_open.docs.wsn.b_2.Notify;
import org.oasis_open.docs.wsn.b_2.ObjectFactory;
import org.oasis_open.docs.wsn.b_2.QueryExpressionType;
import org.oasis_open.docs.wsn.b_2.Subscribe;
import org.oasis_open.docs.wsn.b_2.SubscribeResponse;
import org.oasis_open.docs.wsn.b_2.TopicExpressionType;
import org.oasis_open.docs.wsn.b_2.Unsubscribe;
import org.oasis_open.docs.wsn.bw_2.CreatePullPoint;
import org.oasis_open.docs.wsn.bw_2.InvalidTopicExpressionFault;
import org.oasis_open.docs.wsn.bw_2.NotificationBroker;
import org.oasis_open.docs.wsn.bw_2.NotificationBrokerService;
import org.oasis_open.docs.wsn.bw_2.NotificationProducer;
import org.oasis_open.docs.wsn.bw_2.NotificationProducerService;
import org.oasis_open.docs.wsn.bw_2.PullPoint;
import org.oasis_open.docs.wsn.bw_2.PullPointFactoryService;
import org.oasis_open.docs.wsn.bw_2.PullPointService;
import org.oasis_open.docs.wsn.bw_2.ResourceUnknownFault;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/**
 * A subscriber and publisher of NAS2 whose classes Apache CXF made from the WSDLs that the server serves.
 *
 * Arguments: the server's base address, a file with a wsse:Security header that holds an ID card, a topic and a person's id. Each step prints
 * a line.
 */
public final class Nas {
    private static final String MEDCOM = "http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd";
    private static final String WSA = "http://www.w3.org/2005/08/addressing";
    private static final String SIMPLE = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple";
    private static final String CPR = "http://nsi.dk/advis/v10/CPR";

    private static String base;
    private static Element security;

    public static void main(String[] args) throws Exception {
        base = args[0];
        security = parse(Files.readString(Path.of(args[1])));
        String topic = args[2];
        String id = args[3];
        String name = "cxf-" + UUID.randomUUID();
        ObjectFactory wsnt = new ObjectFactory();

        IDList lists = new IDListService(wsdl("/nas2/idlist")).getSoap();
        CreateIDListRequest list = new CreateIDListRequest();
        list.setName(name);
        list.setDescription("Patients of a ward");
        list.setIDType(CPR);
        list.getId().add(id);
        System.out.println("list updated " + call(lists, "/nas2/idlist", null).createIDList(list).isExistingListUpdated());
        System.out.println("list updated " + call(lists, "/nas2/idlist", null).createIDList(list).isExistingListUpdated());

        CreatePullPoint factory = new PullPointFactoryService(wsdl("/nas2/pullpointfactory")).getSoap();
        String address = address(call(factory, "/nas2/pullpointfactory", null)
            .createPullPoint(new org.oasis_open.docs.wsn.b_2.CreatePullPoint()).getPullPoint());

        NotificationProducer manager = new NotificationProducerService(wsdl("/nas2/subscriptionmanager")).getSoap();
        SubscribeResponse subscribed = call(manager, "/nas2/subscriptionmanager", null).subscribe(subscribe(wsnt, address, topic, name));
        String subscription = address(subscribed.getSubscriptionReference());
        System.out.println("subscribed " + (subscribed.getCurrentTime() != null) + " " + (subscribed.getTerminationTime() == null));

        NotificationBroker broker = new NotificationBrokerService(wsdl("/nas2/notificationbroker")).getSoap();
        Notify good = new Notify();
        good.getNotificationMessage().add(message(topic, id));
        good.getNotificationMessage().add(message(topic, "0404040404"));
        ((BindingProvider) broker).getRequestContext().put(BindingProvider.ENDPOINT_ADDRESS_PROPERTY, base + "/nas2/notificationbroker");
        System.out.println("notified " + (broker.notify(good) != null));
        Notify bad = new Notify();
        bad.getNotificationMessage().add(message(topic, id));
        bad.getNotificationMessage().add(message(topic + "Unknown", id));
        try {
            broker.notify(bad);
            System.out.println("notified a topic that is not known");
        } catch (InvalidTopicExpressionFault e) {
            StringBuilder codes = new StringBuilder();
            for (Object part : e.getFaultInfo().getAny()) {
                codes.append(' ').append(((opennsp.nas._1.Undelivered) part).getCode());
            }
            System.out.println("refused" + codes + " " + e.getFaultInfo().getDescription().size());
        }

        PullPoint pullPoint = new PullPointService(new URL(address + "?wsdl")).getSoap();
        GetMessages get = new GetMessages();
        get.setMaximumNumber(BigInteger.valueOf(20));
        String messageID = UUID.randomUUID().toString();
        for (int i = 0; i < 2; i++) {
            List<NotificationMessageHolderType> all = call(pullPoint, address, messageID).getMessages(get).getNotificationMessage();
            StringBuilder line = new StringBuilder("messages " + all.size());
            for (NotificationMessageHolderType m : all) {
                NotifyContent content = (NotifyContent) m.getMessage().getAny();
                line.append(' ').append(content.getId().equals(id)).append(' ').append(content.isIsSystemNotification())
                    .append(' ').append(((Element) content.getAny()).getTextContent())
                    .append(' ').append(address(m.getSubscriptionReference()).equals(subscription))
                    .append(' ').append(m.getTopic().getContent().get(0).equals(topic));
            }
            System.out.println(line);
        }
        System.out.println("messages " + call(pullPoint, address, null).getMessages(get).getNotificationMessage().size());

        System.out.println("unsubscribed " + (call(manager, subscription, null).unsubscribe(new Unsubscribe()) != null));
        System.out.println("destroyed "
            + (call(pullPoint, address, null).destroyPullPoint(new org.oasis_open.docs.wsn.b_2.DestroyPullPoint()) != null));
        try {
            call(pullPoint, address, null).getMessages(get);
            System.out.println("fetched from nothing");
        } catch (ResourceUnknownFault e) {
            System.out.println("unknown " + (e.getFaultInfo().getTimestamp() != null));
        }
        DestroyIDListRequest destroy = new DestroyIDListRequest();
        destroy.setName(name);
        System.out.println("no such list " + call(lists, "/nas2/idlist", null).destroyIDList(destroy).isNoSuchList());
        System.out.println("no such list " + call(lists, "/nas2/idlist", null).destroyIDList(destroy).isNoSuchList());
        ((BindingProvider) lists).getRequestContext().remove(Header.HEADER_LIST);
        try {
            lists.destroyIDList(destroy);
            System.out.println("destroyed without a credential");
        } catch (dk.nsi._2012._12.nas.idlist.DGWSFault e) {
            System.out.println("refused " + e.getFaultInfo());
        } catch (SOAPFaultException e) {
            System.out.println("refused with a fault that is not declared: " + e.getMessage());
        }
    }

    private static URL wsdl(String path) throws Exception {
        return new URL(base + path + "?wsdl");
    }

    /** The port, ready for one call at an address, with the headers of DGWS. No id of the message = a new one. */
    private static <T> T call(T port, String address, String messageID) throws Exception {
        BindingProvider provider = (BindingProvider) port;
        provider.getRequestContext().put(BindingProvider.ENDPOINT_ADDRESS_PROPERTY, address.startsWith("/") ? base + address : address);
        Element medcom = parse("<medcom:Header xmlns:medcom='" + MEDCOM + "'><medcom:SecurityLevel>3</medcom:SecurityLevel><medcom:Linking><medcom:FlowID>"
            + UUID.randomUUID() + "</medcom:FlowID><medcom:MessageID>" + (messageID == null ? UUID.randomUUID() : messageID)
            + "</medcom:MessageID></medcom:Linking></medcom:Header>");
        provider.getRequestContext().put(Header.HEADER_LIST, List.of(
            new Header(new QName(security.getNamespaceURI(), "Security"), security), new Header(new QName(MEDCOM, "Header"), medcom)));
        return port;
    }

    private static Subscribe subscribe(ObjectFactory wsnt, String address, String topic, String list) {
        Subscribe s = new Subscribe();
        s.setConsumerReference(new W3CEndpointReferenceBuilder().address(address).build());
        FilterType filter = new FilterType();
        filter.getAny().add(wsnt.createTopicExpression(topic(topic)));
        dk.nsi.advis.v10.IDList named = new dk.nsi.advis.v10.IDList();
        named.setName(list);
        IDFilter ids = new IDFilter();
        ids.setIDList(named);
        QueryExpressionType content = new QueryExpressionType();
        content.setDialect("http://nsi.dk/advis/v10/IDMCP_Dialect");
        content.getContent().add(ids);
        JAXBElement<QueryExpressionType> messageContent = wsnt.createMessageContent(content);
        filter.getAny().add(messageContent);
        s.setFilter(filter);
        return s;
    }

    private static TopicExpressionType topic(String name) {
        TopicExpressionType topic = new TopicExpressionType();
        topic.setDialect(SIMPLE);
        topic.getContent().add(name);
        return topic;
    }

    private static NotificationMessageHolderType message(String topic, String id) throws Exception {
        NotifyContent content = new NotifyContent();
        content.setId(id);
        content.setIdType(CPR);
        content.setIsSystemNotification(false);
        content.setAny(parse("<c:CardChanged xmlns:c='http://example.dk/advis/2024/01/01'><c:version>7</c:version></c:CardChanged>"));
        NotificationMessageHolderType m = new NotificationMessageHolderType();
        m.setTopic(topic(topic));
        m.setMessage(new NotificationMessageHolderType.Message());
        m.getMessage().setAny(content);
        return m;
    }

    private static String address(W3CEndpointReference reference) throws Exception {
        DOMResult to = new DOMResult();
        reference.writeTo(to);
        Document document = (Document) to.getNode();
        return document.getElementsByTagNameNS(WSA, "Address").item(0).getTextContent().trim();
    }

    private static Element parse(String xml) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        return factory.newDocumentBuilder().parse(new ByteArrayInputStream(xml.getBytes(StandardCharsets.UTF_8))).getDocumentElement();
    }
}
