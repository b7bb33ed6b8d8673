import java.io.IOException;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.cxf.wsn.services.JaxwsCreatePullPoint;
import org.apache.cxf.wsn.services.JaxwsNotificationBroker;

/**
 * The WS-Notification service of Apache CXF, on an ActiveMQ broker that keeps everything in memory: the peer of NAS2 in the benchmark.
 * It ends with its standard input.
 *
 * Arguments: the base address to serve at. A line "ready" is printed when it serves the broker at /broker and the maker of pull points
 * at /factory.
 */
public final class Wsn {
    public static void main(String[] args) throws Exception {
        ActiveMQConnectionFactory messages = new ActiveMQConnectionFactory("vm://wsn?broker.persistent=false");
        JaxwsNotificationBroker broker = new JaxwsNotificationBroker("broker", messages);
        broker.setAddress(args[0] + "/broker");
        broker.init();
        JaxwsCreatePullPoint factory = new JaxwsCreatePullPoint("factory", messages);
        factory.setAddress(args[0] + "/factory");
        factory.init();
        System.out.println("ready");
        awaitEnd();
        System.exit(0);
    }

    private static void awaitEnd() throws IOException {
        while (System.in.read() >= 0) {
            continue;
        }
    }
}
